"use client";

import { useState } from "react";
import { Disclosure } from "@/components/disclosure";
import { Elapsed } from "@/components/elapsed";
import { Glyph } from "@/components/glyph";
import { CrossIcon } from "@/components/icons";
import { formatSeconds } from "@/lib/format";
import type { ToolCall, ToolResult } from "@/lib/stream/events";
import type { RunStore } from "@/lib/stream/store";
import { useRun } from "@/lib/stream/use-run";
import { describeCall } from "@/lib/tool-words";
import { callState, type CallState } from "./call-state";
import { ToolText } from "./tool-text";

type Props = {
  store: RunStore;
  call: ToolCall;
  resultId: string | undefined;
  ended: boolean;
};

/** A call of a tool: what it does, on what, how long; opens to its exact input and output. */
export function ToolCard({ store, call, resultId, ended }: Props) {
  const [open, setOpen] = useState(false);
  const found = useRun(store, `item:${resultId ?? ""}`, () => store.item(resultId ?? ""));
  const head = useRun(store, "head", store.head);
  const result = found?.type === "tool_result" ? found : null;
  const timing = head.extra.timings[call.call_id];
  const state = callState(call, result, { ended, action: head.action });
  const words = describeCall(call);
  return (
    <div data-slot="tool-card" className="rounded-card border border-line bg-surface">
      <Disclosure
        open={open}
        onToggle={() => setOpen(!open)}
        className="min-h-10 w-full px-3 py-2"
        trailing={
          <span className="shrink-0 text-small text-text-3 tabular-nums">
            {state === "running" && timing ? <Elapsed since={timing.startedAt} /> : null}
            {timing?.seconds && timing.seconds >= 0.05 ? formatSeconds(timing.seconds) : null}
          </span>
        }
      >
        <CallGlyph state={state} />
        <span className="min-w-0 flex-1 truncate">
          <span className="font-medium">{verb(state, words)}</span>{" "}
          <span className="text-text-2">{words.target}</span>
        </span>
      </Disclosure>
      {open && <CardBody call={call} result={result} state={state} />}
    </div>
  );
}

type BodyProps = { call: ToolCall; result: ToolResult | null; state: CallState };

function CardBody({ call, result, state }: BodyProps) {
  return (
    <div className="flex flex-col gap-3 border-t border-line px-3 py-3">
      <p className="font-mono text-small text-text-3">{call.name}</p>
      <ToolText label="Input" text={call.arguments || "{}"} />
      {result ? (
        <ToolText label={result.is_error ? "Error" : "Output"} text={result.output} />
      ) : (
        <p className="text-small text-text-3">
          {state === "not_run" ? "It was not run." : "No output yet."}
        </p>
      )}
    </div>
  );
}

function CallGlyph({ state }: { state: CallState }) {
  switch (state) {
    case "failed":
      return <Glyph phase="failed" />;
    case "done":
      return <Glyph phase="completed" className="text-text-3!" />;
    case "waiting":
      return <Glyph phase="needs_approval" />;
    case "running":
      return <Glyph phase="using_tool" />;
    case "preparing":
      return <Glyph phase="queued" />;
    case "not_run":
      return <CrossIcon className="text-text-3" />;
    default:
      return state satisfies never;
  }
}

function verb(state: CallState, words: ReturnType<typeof describeCall>): string {
  if (state === "done") return words.did;
  if (state === "failed") return words.failed;
  if (state === "not_run") return `Not run: ${words.doing.toLowerCase()}`;
  if (state === "waiting") return `Waiting for you: ${words.doing.toLowerCase()}`;
  return words.doing;
}
