"use client";

import { lazy, Suspense, useDeferredValue } from "react";

const Markdown = lazy(() => import("@/components/markdown"));

type Props = { text: string; refusal: string; open: boolean };

/** The words of an answer. Parsing yields to typing: a busy machine skips frames, not keys. */
export function AnswerText({ text, refusal, open }: Props) {
  const shown = useDeferredValue(text);
  return (
    <>
      {text && (
        <Suspense fallback={<p className="whitespace-pre-wrap">{text}</p>}>
          <Markdown text={shown} open={open || shown !== text} />
        </Suspense>
      )}
      {refusal && <p className="text-text-2 italic">{refusal}</p>}
    </>
  );
}
