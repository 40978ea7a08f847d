import type { ReactNode } from "react";
import { cx } from "@/lib/cx";

type Props = { anchored: boolean; question: ReactNode; children: ReactNode };

/** One turn: a message and its answer. The turn that was just sent keeps a screen of room, so
 * that it can stand at the top while its answer grows, and nothing moves when it ends. */
export function TurnFrame({ anchored, question, children }: Props) {
  return (
    <section
      data-slot="turn"
      data-anchored={anchored || undefined}
      className={cx("pt-8", anchored && "min-h-[calc(100cqh-2rem)]")}
    >
      {question}
      <div className="pt-5">{children}</div>
      <div data-slot="turn-end" />
    </section>
  );
}
