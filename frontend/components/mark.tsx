import { cx } from "@/lib/cx";

/** Helium's visible lines, at their true places between 430 and 690 nm. */
const LINES = [447, 471, 492, 502, 588, 668];
const place = (nm: number) => ((nm - 430) / (690 - 430)) * 100;

/** The brand: helium's spectrum in ink, with the one yellow line that gave it away. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 20 20" className={cx("size-5", className)} aria-hidden="true">
      <rect
        x="0.5"
        y="0.5"
        width="19"
        height="19"
        rx="5"
        className="fill-text stroke-text dark:fill-surface dark:stroke-line"
      />
      {[4.75, 7.75, 16].map((x) => (
        <rect key={x} x={x - 0.5} y="4.5" width="1" height="11" className="fill-line-strong" />
      ))}
      <rect x="10.6" y="4.5" width="2.8" height="11" className="fill-spark" />
    </svg>
  );
}

/** The spectrum drawn wide: an ink strip that only the yellow line lights. */
export function SpectrumRule({ className }: { className?: string }) {
  return (
    <svg
      viewBox="0 0 100 10"
      preserveAspectRatio="none"
      className={cx("h-3 w-full rounded-[4px] bg-text dark:border dark:border-line dark:bg-sunken", className)}
      aria-hidden="true"
    >
      {LINES.map((nm) => (
        <rect
          key={nm}
          x={place(nm)}
          y="0"
          width={nm === 588 ? 0.6 : 0.25}
          height="10"
          className={nm === 588 ? "fill-spark" : "fill-line-strong opacity-70"}
        />
      ))}
    </svg>
  );
}
