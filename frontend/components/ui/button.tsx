import type { ComponentProps } from "react";
import { cx } from "@/lib/cx";

const LOOKS = {
  primary: "bg-text text-bg hover:opacity-90 border border-transparent disabled:bg-hover disabled:text-text-3",
  outline: "bg-surface text-text border border-line-strong hover:bg-hover disabled:text-text-3",
  quiet: "text-text-2 hover:bg-hover hover:text-text border border-transparent",
};

const SIZES = {
  small: "h-7 px-2.5 text-ui",
  medium: "h-8 px-3 text-ui",
  icon: "size-8",
};

type Props = ComponentProps<"button"> & {
  look?: keyof typeof LOOKS;
  size?: keyof typeof SIZES;
};

/** A press. Primary is ink: colour is kept for states. */
export function Button({ look = "outline", size = "medium", className, ...props }: Props) {
  return (
    <button
      type="button"
      data-slot="button"
      className={cx(
        "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-control font-medium whitespace-nowrap transition-[background-color,opacity] duration-[120ms] ease-calm",
        LOOKS[look],
        SIZES[size],
        className,
      )}
      {...props}
    />
  );
}
