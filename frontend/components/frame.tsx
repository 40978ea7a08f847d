import type { ReactNode } from "react";
import { cx } from "@/lib/cx";

type Props = { nav?: ReactNode; open?: boolean; onClose?: () => void; children?: ReactNode };

/** The page's two panes. On a phone the left one is a sheet over the right one. */
export function Frame({ nav, open = false, onClose, children }: Props) {
  return (
    <div data-slot="frame" className="fixed inset-0 flex">
      {open && (
        <button
          type="button"
          aria-label="Close the list of threads"
          onClick={onClose}
          className="fixed inset-0 z-10 bg-sunken/80 md:hidden"
        />
      )}
      <div
        data-slot="nav-pane"
        className={cx(
          "z-20 w-61 shrink-0 flex-col border-r border-line bg-sunken max-md:fixed max-md:inset-y-0 max-md:left-0 max-md:w-72 md:flex",
          open ? "flex" : "hidden",
        )}
      >
        {nav}
      </div>
      <main className="flex min-w-0 flex-1 flex-col">{children}</main>
    </div>
  );
}
