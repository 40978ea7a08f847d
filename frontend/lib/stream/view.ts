import type { ActionKind, Item, RunStatus, Usage } from "./events";

/** What a run waits for a person to decide. */
export type Action = {
  id: string;
  kind: ActionKind;
  prompt: string;
  tool: string | null;
  arguments: string | null;
  call_id: string | null;
};

export type RunError = { code: string; message: string };

/** A decision that was made, kept in place as a receipt. */
export type Receipt = { action: Action; decision: string; after: string | null };

/** What the run is doing now, for the one line that names it. */
export type Activity =
  | { kind: "none" }
  | { kind: "step"; step: "model" | "tool"; name: string; since: number }
  | { kind: "retrying"; reason: string; tryNumber: number; dueAt: number };

/** When a tool call was started and how long it took, by call id. */
export type Timing = { startedAt: number; seconds: number | null };

/** The run as a reader sees it. The first six fields mirror the server's fold, value for value;
 * those in `extra` exist for this page alone. */
export type RunView = {
  status: RunStatus;
  items: readonly Item[];
  action: Action | null;
  usage: Usage;
  error: RunError | null;
  last_seq: number;
  extra: Extra;
};

export type Extra = {
  model: string;
  attempt: number;
  requeued: string | null;
  stopping: boolean;
  incompleteReason: string | null;
  queuedAt: number;
  startedAt: number;
  finishedAt: number;
  activity: Activity;
  timings: Readonly<Record<string, Timing>>;
  receipts: readonly Receipt[];
  places: Readonly<Record<string, number>>;
};

const NO_ACTIVITY: Activity = { kind: "none" };

const EMPTY_EXTRA: Extra = {
  model: "",
  attempt: 0,
  requeued: null,
  stopping: false,
  incompleteReason: null,
  queuedAt: 0,
  startedAt: 0,
  finishedAt: 0,
  activity: NO_ACTIVITY,
  timings: {},
  receipts: [],
  places: {},
};

export const EMPTY_VIEW: RunView = {
  status: "queued",
  items: [],
  action: null,
  usage: {},
  error: null,
  last_seq: 0,
  extra: EMPTY_EXTRA,
};

const FINAL: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "incomplete"]);

export function isFinal(status: string): boolean {
  return FINAL.has(status);
}
