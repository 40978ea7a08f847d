import { cx } from "@/lib/cx";
import { isLive, needsYou, type Phase } from "@/lib/run-phase";
import { AlertIcon, CheckIcon, HandIcon, StopIcon } from "./icons";

/** A run's state as a small sign. Its words stand beside it: never colour alone. */
export function Glyph({ phase, className }: { phase: Phase; className?: string }) {
  const box = cx("inline-flex size-4 shrink-0 items-center justify-center", className);
  if (isLive(phase))
    return (
      <span data-slot="glyph" className={cx(box, "text-live")} aria-hidden="true">
        <span className="size-3 animate-ring rounded-full border-2 border-current border-r-transparent" />
      </span>
    );
  if (phase === "queued")
    return (
      <span data-slot="glyph" className={cx(box, "text-text-3")} aria-hidden="true">
        <span className="size-3 rounded-full border-2 border-dotted border-current" />
      </span>
    );
  return (
    <span data-slot="glyph" className={cx(box, colour(phase))} aria-hidden="true">
      {sign(phase)}
    </span>
  );
}

function colour(phase: Phase): string {
  if (needsYou(phase)) return "text-live";
  if (phase === "failed") return "text-danger";
  if (phase === "completed") return "text-ok";
  return "text-text-3";
}

function sign(phase: Phase) {
  if (needsYou(phase)) return <HandIcon />;
  if (phase === "completed") return <CheckIcon />;
  if (phase === "failed") return <AlertIcon />;
  return <StopIcon />;
}
