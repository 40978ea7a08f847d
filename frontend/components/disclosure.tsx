import type { ReactNode } from "react";
import { cx } from "@/lib/cx";
import { ChevronIcon } from "./icons";

type Props = {
  open: boolean;
  onToggle: () => void;
  className?: string;
  children: ReactNode;
  trailing?: ReactNode;
};

/** The row that opens and closes what stands below it. */
export function Disclosure({ open, onToggle, className, children, trailing }: Props) {
  return (
    <button
      type="button"
      aria-expanded={open}
      onClick={onToggle}
      className={cx(
        "flex min-h-7 max-w-full items-center gap-2 rounded-control text-left text-ui",
        className,
      )}
    >
      {children}
      {trailing}
      <ChevronIcon
        className={cx(
          "shrink-0 text-text-3 transition-transform duration-[120ms] ease-calm",
          open && "rotate-90",
        )}
      />
    </button>
  );
}
