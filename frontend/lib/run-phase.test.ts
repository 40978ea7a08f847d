import { describe, expect, it } from "vitest";
import { phaseOf, type PhaseLine } from "./run-phase";
import type { Event } from "./stream/events";
import { reduce } from "./stream/reduce";
import { EMPTY_VIEW } from "./stream/view";

function after(...events: Event[]): PhaseLine {
  const at = "2026-11-23T10:00:00Z";
  return phaseOf(events.reduce((view, event, n) => reduce(view, { seq: n + 1, at, event }), EMPTY_VIEW));
}

const SINCE = Date.parse("2026-11-23T10:00:00Z");
const started: Event = { type: "run.started", attempt: 1 };
const called: Event = {
  type: "item.done",
  index: 0,
  item: { type: "tool_call", id: "fc", call_id: "c", name: "clock", arguments: '{"place":"Tokyo"}' },
};

describe("the phase of a run", () => {
  it.each<[string, Event[], PhaseLine]>([
    ["queued", [{ type: "run.queued", agent: "a", model: "m" }], { phase: "queued", label: "Queued", since: SINCE }],
    ["starting", [started], { phase: "starting", label: "Starting", since: SINCE }],
    [
      "thinking",
      [started, { type: "step.started", position: 0, kind: "model", name: "m" }],
      { phase: "thinking", label: "Thinking", since: SINCE },
    ],
    [
      "writing",
      [
        started,
        { type: "item.added", index: 0, item: { type: "message", id: "m", role: "assistant", status: "in_progress" } },
        { type: "item.delta", item_id: "m", index: 0, text: "x" },
      ],
      { phase: "writing", label: "Writing", since: SINCE },
    ],
    [
      "using a tool",
      [started, called, { type: "step.started", position: 1, kind: "tool", name: "clock c", call_id: "c" }],
      { phase: "using_tool", label: "Looking up the time: Tokyo", since: SINCE },
    ],
    [
      "retrying",
      [started, { type: "step.retrying", position: 0, reason: "rate limited", after_seconds: 8, try_number: 2 }],
      { phase: "retrying", label: "Attempt 2: rate limited", since: 0 },
    ],
    [
      "recovering",
      [started, { type: "run.requeued", reason: "lease_expired" }],
      { phase: "recovering", label: "Moving to another worker", since: 0 },
    ],
    [
      "in doubt",
      [started, { type: "run.requires_action", action_id: "a", kind: "in_doubt", prompt: "Did it?" }],
      { phase: "in_doubt", label: "Not sure if it happened", since: 0 },
    ],
    ["stopping", [started, { type: "run.cancel_requested" }], { phase: "stopping", label: "Stopping…", since: 0 }],
    ["stopped", [started, { type: "run.cancelled" }], { phase: "stopped", label: "Stopped by you", since: 0 }],
    [
      "limited",
      [started, { type: "run.incomplete", reason: "max_cost" }],
      { phase: "limited", label: "Stopped at the limit of cost", since: 0 },
    ],
  ])("%s", (_, events, line) => {
    expect(after(...events)).toEqual(line);
  });
});
