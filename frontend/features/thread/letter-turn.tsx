"use client";

import { Glyph } from "@/components/glyph";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { discardLetter, retryLetter, type Letter } from "@/lib/outbox";
import { TurnFrame } from "./turn-frame";
import { UserBubble } from "./user-bubble";

/** A message that the server has not accepted yet. */
export function LetterTurn({ letter, anchored }: { letter: Letter; anchored: boolean }) {
  return (
    <TurnFrame
      anchored={anchored}
      question={<UserBubble text={letter.text} dim={letter.state === "failed"} />}
    >
      {letter.problem ? (
        <ProblemNote problem={letter.problem}>
          <Button size="small" onClick={() => retryLetter(letter.key)}>
            Send again
          </Button>
          <Button size="small" look="quiet" onClick={() => discardLetter(letter.key)}>
            Discard
          </Button>
        </ProblemNote>
      ) : (
        <p className="flex items-center gap-2 text-ui text-text-2">
          <Glyph phase="queued" />
          Sending
        </p>
      )}
    </TurnFrame>
  );
}
