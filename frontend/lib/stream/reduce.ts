import type { Event, Item, ItemDelta, LoggedEvent, RunStatus, Usage } from "./events";
import { appendDelta, dropItems, placeItem } from "./items";
import type { Extra, RunView } from "./view";

/** The view after one more event. Pure: parts that did not change keep their identity. */
export function reduce(view: RunView, logged: LoggedEvent): RunView {
  if (logged.seq <= view.last_seq) return view;
  const at = logged.at ? Date.parse(logged.at) : 0;
  return { ...apply(view, logged.event, at), last_seq: logged.seq };
}

function apply(view: RunView, event: Event, at: number): RunView {
  switch (event.type) {
    case "run.queued":
      return with_(view, { status: "queued" }, { model: event.model, queuedAt: at });
    case "run.started":
      return with_(
        view,
        { status: "in_progress" },
        { attempt: event.attempt, startedAt: view.extra.startedAt || at },
      );
    case "run.requeued":
      return with_(
        view,
        { status: "queued" },
        { requeued: event.reason, activity: { kind: "none" } },
      );
    case "step.started":
      return stepStarted(view, event, at);
    case "step.retrying":
      return with_(view, {}, {
        activity: {
          kind: "retrying",
          reason: event.reason,
          tryNumber: event.try_number,
          dueAt: at + event.after_seconds * 1000,
        },
      });
    case "step.retracted":
      return dropItems(view, event.items);
    case "step.completed":
      return with_(
        view,
        { usage: addUsage(view.usage, event.usage ?? {}) },
        { activity: { kind: "none" } },
      );
    case "item.added":
      return placeItem(tryOver(view), event.index, event.item);
    case "item.delta":
      return delta(view, event);
    case "item.done":
      return itemDone(view, event.index, event.item, at);
    case "run.requires_action":
      return with_(
        view,
        {
          status: "requires_action",
          action: {
            id: event.action_id,
            kind: event.kind,
            prompt: event.prompt,
            tool: event.tool ?? null,
            arguments: event.arguments ?? null,
            call_id: event.call_id ?? null,
          },
        },
        { activity: { kind: "none" } },
      );
    case "run.resumed":
      return resumed(view, event.decision);
    case "run.cancel_requested":
      return with_(view, {}, { stopping: true });
    case "run.completed":
      return finish(view, "completed", event.usage, at);
    case "run.failed": {
      const error = { code: event.code, message: event.message };
      return { ...finish(view, "failed", event.usage, at), error };
    }
    case "run.cancelled":
      return finish(view, "cancelled", event.usage, at);
    case "run.incomplete":
      return with_(finish(view, "incomplete", event.usage, at), {}, {
        incompleteReason: event.reason,
      });
    default:
      return unknown(view, event);
  }
}

function with_(view: RunView, core: Partial<RunView>, extra: Partial<Extra>): RunView {
  return { ...view, ...core, extra: { ...view.extra, ...extra } };
}

/** A newer server may write facts that this page does not know: they change nothing here. */
function unknown(view: RunView, _event: never): RunView {
  return view;
}

function stepStarted(
  view: RunView,
  event: Extract<Event, { type: "step.started" }>,
  at: number,
): RunView {
  const activity = { kind: "step", step: event.kind, name: event.name, since: at } as const;
  if (!event.call_id) return with_(view, {}, { activity });
  const timings = { ...view.extra.timings, [event.call_id]: { startedAt: at, seconds: null } };
  return with_(view, {}, { activity, timings });
}

/** An item shows that the next try is under way. */
function tryOver(view: RunView): RunView {
  if (view.extra.activity.kind !== "retrying") return view;
  return with_(view, {}, { activity: { kind: "none" } });
}

function delta(view: RunView, event: ItemDelta): RunView {
  const place = view.items.findIndex((item) => item.id === event.item_id);
  const item = view.items[place];
  if (!item) return view;
  const items = view.items.slice();
  items[place] = appendDelta(item, event.part ?? "text", event.text);
  return { ...view, items };
}

function itemDone(view: RunView, index: number, item: Item, at: number): RunView {
  const placed = placeItem(view, index, item);
  if (item.type !== "tool_result") return placed;
  const timing = view.extra.timings[item.call_id];
  if (!timing) return placed;
  const seconds = Math.max(0, (at - timing.startedAt) / 1000);
  const timings = { ...view.extra.timings, [item.call_id]: { ...timing, seconds } };
  return with_(placed, {}, { timings });
}

function resumed(view: RunView, decision: string): RunView {
  const last = view.items.at(-1);
  const receipts = view.action
    ? [...view.extra.receipts, { action: view.action, decision, after: last?.id ?? null }]
    : view.extra.receipts;
  return with_(view, { status: "queued", action: null }, { receipts });
}

function finish(view: RunView, status: RunStatus, usage: Usage | undefined, at: number): RunView {
  return with_(
    view,
    { status, action: null, usage: usage ?? {} },
    { activity: { kind: "none" }, stopping: false, finishedAt: at },
  );
}

function addUsage(a: Usage, b: Usage): Usage {
  const sum: Usage = { ...a };
  for (const key of Object.keys(b) as (keyof Usage)[]) sum[key] = (a[key] ?? 0) + (b[key] ?? 0);
  return sum;
}
