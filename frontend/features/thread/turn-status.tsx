"use client";

import { CopyButton } from "@/components/copy-button";
import { Elapsed } from "@/components/elapsed";
import { Glyph } from "@/components/glyph";
import { Note } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import type { Run } from "@/lib/api/endpoints";
import { formatCost, formatCount, formatSeconds } from "@/lib/format";
import { sendMessage } from "@/lib/outbox";
import { isLive, phaseOf } from "@/lib/run-phase";
import { askedText, textOf } from "@/lib/run-view";
import type { RunStore } from "@/lib/stream/store";
import { useRun } from "@/lib/stream/use-run";
import type { RunView } from "@/lib/stream/view";

/** The line below an answer: what is happening, or how it ended. */
export function TurnStatus({ run, store }: { run: Run; store: RunStore }) {
  const head = useRun(store, "head", store.head);
  const line = phaseOf(head);
  if (head.error && line.phase === "failed") return <Failure run={run} head={head} />;
  if (line.phase === "completed") return <Ending head={head} />;
  // Their cards say it, with more than fits here.
  if (head.action || line.phase === "using_tool") return null;
  return (
    <p
      data-slot="turn-status"
      className={`flex min-h-7 items-center gap-2 pt-2 text-ui ${isLive(line.phase) ? "text-live" : "text-text-2"}`}
    >
      <Glyph phase={line.phase} />
      <span className="min-w-0 truncate">{line.label}</span>
      <span className="text-small text-text-3">
        {(isLive(line.phase) || line.phase === "queued") && <Elapsed since={line.since} />}
      </span>
    </p>
  );
}

function Ending({ head }: { head: RunView }) {
  const { startedAt, finishedAt } = head.extra;
  const tokens = (head.usage.input_tokens ?? 0) + (head.usage.output_tokens ?? 0);
  const cost = head.usage.cost_microusd ?? 0;
  const facts = [
    startedAt && finishedAt ? formatSeconds((finishedAt - startedAt) / 1000) : "",
    tokens ? formatCount(tokens, "token") : "",
    cost ? formatCost(cost) : "",
  ].filter(Boolean);
  const text = textOf(head.items);
  return (
    <div data-slot="turn-status" className="-ml-1.5 flex items-center gap-1 pt-1 text-small text-text-3">
      {text && <CopyButton text={text} label="Copy answer" />}
      <p className="tabular-nums">{facts.join(" · ")}</p>
    </div>
  );
}

function Failure({ run, head }: { run: Run; head: RunView }) {
  return (
    <div className="pt-3">
      <Note
        title={`Failed: ${head.error?.message ?? "no reason was given"}`}
        advice="What was done so far is kept. You can ask again."
        code={head.error?.code}
        id={run.id}
      >
        <Button size="small" onClick={() => sendMessage(run.thread_id, askedText(run))}>
          Ask again
        </Button>
      </Note>
    </div>
  );
}
