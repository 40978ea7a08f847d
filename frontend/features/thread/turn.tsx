"use client";

import { memo, useEffect } from "react";
import type { Run } from "@/lib/api/endpoints";
import { formatClock } from "@/lib/format";
import { askedText, viewOf } from "@/lib/run-view";
import { runStore } from "@/lib/stream/live-runs";
import { isFinal } from "@/lib/stream/view";
import { Answer } from "./answer";
import { TurnFrame } from "./turn-frame";
import { TurnStatus } from "./turn-status";
import { UserBubble } from "./user-bubble";

type Props = { run: Run; anchored: boolean };

export const Turn = memo(function Turn({ run, anchored }: Props) {
  const store = runStore(run.id, () => viewOf(run));
  useEffect(() => {
    // It ended where this page did not follow it: take the server's word.
    if (isFinal(run.status) && !isFinal(store.head().status)) store.replace(viewOf(run));
  }, [run, store]);

  return (
    <TurnFrame
      anchored={anchored}
      question={
        <article aria-label={`You, ${formatClock(run.created_at)}`}>
          <UserBubble text={askedText(run)} />
        </article>
      }
    >
      <article aria-label="Helium">
        <h2 className="sr-only">Helium</h2>
        <Answer run={run} store={store} />
        <TurnStatus run={run} store={store} />
      </article>
    </TurnFrame>
  );
});
