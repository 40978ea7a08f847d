import { describe, expect, it } from "vitest";
import type { Event, Message } from "./events";
import { reduce } from "./reduce";
import { EMPTY_VIEW, type RunView } from "./view";

const open = (id: string): Message => ({ type: "message", id, role: "assistant", status: "in_progress" });
const said = (id: string, text: string): Message => ({
  type: "message",
  id,
  role: "assistant",
  content: [{ type: "text", text }],
});

function fold(...events: Event[]): RunView {
  return foldFrom(EMPTY_VIEW, events);
}

function foldFrom(view: RunView, events: Event[]): RunView {
  return events.reduce(
    (before, event) => reduce(before, { seq: before.last_seq + 1, event }),
    view,
  );
}

function core({ status, items, action, usage, error, last_seq }: RunView) {
  return { status, items, action, usage, error, last_seq };
}

const QUEUED: Event = { type: "run.queued", agent: "default", model: "offline:demo" };
const STARTED: Event = { type: "run.started", attempt: 1 };

describe("the fold of a run", () => {
  it("begins queued and empty", () => {
    expect(core(fold(QUEUED))).toEqual({
      status: "queued",
      items: [],
      action: null,
      usage: {},
      error: null,
      last_seq: 1,
    });
  });

  it("gathers the deltas of an open item", () => {
    const view = fold(
      QUEUED,
      STARTED,
      { type: "item.added", index: 0, item: open("msg_1") },
      { type: "item.delta", item_id: "msg_1", index: 0, text: "Hel" },
      { type: "item.delta", item_id: "msg_1", index: 0, text: "lo" },
    );

    expect(view.items).toEqual([{ ...open("msg_1"), content: [{ type: "text", text: "Hello" }] }]);
  });

  it("takes the whole item when it is done", () => {
    const view = fold(
      STARTED,
      { type: "item.added", index: 0, item: open("msg_1") },
      { type: "item.delta", item_id: "msg_1", index: 0, text: "Hel" },
      { type: "item.done", index: 0, item: said("msg_1", "Hello") },
      { type: "run.completed", usage: { output_tokens: 2 } },
    );

    expect(core(view)).toEqual({
      status: "completed",
      items: [said("msg_1", "Hello")],
      action: null,
      usage: { output_tokens: 2 },
      error: null,
      last_seq: 5,
    });
  });

  it("keeps reasoning, arguments and refusals in their own places", () => {
    const view = fold(
      { type: "item.added", index: 0, item: { type: "reasoning", id: "rs", status: "in_progress" } },
      { type: "item.delta", item_id: "rs", index: 0, text: "Hm", part: "reasoning" },
      { type: "item.added", index: 1, item: open("msg") },
      { type: "item.delta", item_id: "msg", index: 1, text: "No.", part: "refusal" },
      { type: "item.added", index: 2, item: { type: "tool_call", id: "fc", call_id: "c", name: "clock" } },
      { type: "item.delta", item_id: "fc", index: 2, text: "{}", part: "arguments" },
    );

    expect(view.items).toEqual([
      { type: "reasoning", id: "rs", status: "in_progress", text: "Hm" },
      { ...open("msg"), content: [{ type: "refusal", text: "No." }] },
      { type: "tool_call", id: "fc", call_id: "c", name: "clock", arguments: "{}" },
    ]);
  });

  it("forgets the items of a retracted attempt", () => {
    const view = fold(
      STARTED,
      { type: "item.added", index: 0, item: open("msg_1") },
      { type: "item.delta", item_id: "msg_1", index: 0, text: "wrong" },
      { type: "step.retracted", position: 0, items: ["msg_1"] },
      { type: "item.added", index: 0, item: open("msg_2") },
    );

    expect(view.items).toEqual([open("msg_2")]);
  });

  it("puts items in the order of the output, not of their arrival", () => {
    const view = fold(
      { type: "item.done", index: 1, item: said("b", "second") },
      { type: "item.done", index: 0, item: said("a", "first") },
    );

    expect(view.items.map((item) => item.id)).toEqual(["a", "b"]);
  });

  it("waits for a person and goes on when they decide", () => {
    const waiting = fold(STARTED, {
      type: "run.requires_action",
      action_id: "act_1",
      kind: "approval",
      prompt: "Run save_note?",
      tool: "save_note",
    });
    const resumed = foldFrom(waiting, [
      { type: "run.resumed", action_id: "act_1", decision: "approve" },
    ]);

    const action = {
      id: "act_1",
      kind: "approval",
      prompt: "Run save_note?",
      tool: "save_note",
      arguments: null,
      call_id: null,
    };
    expect([waiting.status, waiting.action]).toEqual(["requires_action", action]);
    expect([resumed.status, resumed.action]).toEqual(["queued", null]);
    expect(resumed.extra.receipts).toEqual([{ action, decision: "approve", after: null }]);
  });

  it("tells a failure by its code and its sentence", () => {
    const view = fold(STARTED, { type: "run.failed", code: "model_error", message: "No answer." });

    expect(core(view)).toEqual({
      status: "failed",
      items: [],
      action: null,
      usage: {},
      error: { code: "model_error", message: "No answer." },
      last_seq: 2,
    });
  });

  it("ignores an event that it has seen", () => {
    const view = fold(QUEUED, STARTED);

    expect(reduce(view, { seq: 2, event: { type: "run.cancelled" } })).toBe(view);
  });

  it("ignores a fact that only a newer server knows", () => {
    const view = fold(QUEUED, JSON.parse('{"type":"run.blessed"}') as Event);

    expect(core(view)).toEqual({ ...core(fold(QUEUED)), last_seq: 2 });
  });

  it("keeps the identity of items that did not change", () => {
    const before = fold(
      { type: "item.done", index: 0, item: said("a", "first") },
      { type: "item.added", index: 1, item: open("b") },
    );
    const after = foldFrom(before, [{ type: "item.delta", item_id: "b", index: 1, text: "x" }]);

    expect(after.items[0]).toBe(before.items[0]);
    expect(after.extra).toBe(before.extra);
  });
});
