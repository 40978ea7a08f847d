"use client";

import { useLayoutEffect, useState } from "react";
import { DownIcon } from "@/components/icons";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import type { Run } from "@/lib/api/endpoints";
import { asProblem } from "@/lib/api/problem";
import { turnKey, type Letter } from "@/lib/outbox";
import { LetterTurn } from "./letter-turn";
import { Skeleton } from "./skeleton";
import { Turn } from "./turn";
import { useFollow } from "./use-follow";

type Props = {
  runs: readonly Run[];
  letters: readonly Letter[];
  loading: boolean;
  error: unknown;
  onRetry: () => void;
};

export function Transcript({ runs, letters, loading, error, onRetry }: Props) {
  const shown = runs.length + letters.length > 0;
  const { scroller, content, below, jumpToEnd, anchorTurn } = useFollow(shown);
  const anchor = useNewestSent(letters);

  useLayoutEffect(() => {
    const turn = content.current?.querySelector<HTMLElement>("[data-anchored]");
    if (anchor && turn) anchorTurn(turn);
  }, [anchor, anchorTurn, content]);

  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <div
        ref={scroller}
        role="log"
        aria-live="off"
        aria-label="Conversation"
        // A scroller must be reachable by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        className="[container-type:size] min-h-0 flex-1 overflow-x-hidden overflow-y-auto px-4 outline-offset-[-2px] [scrollbar-gutter:stable_both-edges]"
      >
        <div ref={content} className="mx-auto w-full max-w-column pb-8">
          {loading && <Skeleton />}
          {error !== null && (
            <ProblemNote problem={asProblem(error)}>
              <Button size="small" onClick={onRetry}>
                Try again
              </Button>
            </ProblemNote>
          )}
          {runs.map((run) => {
            const key = turnKey(run.id);
            return <Turn key={key} run={run} anchored={key === anchor} />;
          })}
          {letters.map((letter) => (
            <LetterTurn key={letter.key} letter={letter} anchored={letter.key === anchor} />
          ))}
        </div>
      </div>
      {below && (
        <Button
          onClick={jumpToEnd}
          className="absolute bottom-3 left-1/2 -translate-x-1/2 rounded-full border-line shadow-float"
        >
          <DownIcon className="-ml-1" />
          To the end
        </Button>
      )}
    </div>
  );
}

/** The message that was sent last from this page: its turn keeps a screen of room below. */
function useNewestSent(letters: readonly Letter[]): string | null {
  const newest = letters.at(-1)?.key ?? null;
  const [sent, setSent] = useState<string | null>(newest);
  if (newest !== null && newest !== sent) setSent(newest);
  return newest ?? sent;
}
