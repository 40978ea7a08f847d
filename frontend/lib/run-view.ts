import type { Run } from "@/lib/api/endpoints";
import type { Item } from "@/lib/stream/events";
import { messageText } from "@/lib/stream/items";
import { EMPTY_VIEW, type RunView } from "@/lib/stream/view";

/** The server's snapshot of a run, as the view that its events would fold to. */
export function viewOf(run: Run): RunView {
  return {
    status: run.status,
    items: run.output,
    action: run.action,
    usage: run.usage,
    error: run.error,
    last_seq: run.last_seq,
    extra: {
      ...EMPTY_VIEW.extra,
      model: run.model,
      queuedAt: Date.parse(run.created_at),
      startedAt: run.started_at ? Date.parse(run.started_at) : 0,
      finishedAt: run.finished_at ? Date.parse(run.finished_at) : 0,
    },
  };
}

/** What the run was asked. */
export function askedText(run: Run): string {
  return textOf(run.input.filter((item) => item.type === "message" && item.role === "user"));
}

/** All text of the answer, for copying and counting. */
export function textOf(items: readonly Item[]): string {
  return items
    .flatMap((item) => (item.type === "message" ? [messageText(item)] : []))
    .join("\n\n");
}
