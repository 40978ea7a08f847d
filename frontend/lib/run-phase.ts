import type { RunStatus } from "@/lib/stream/events";
import type { RunView } from "@/lib/stream/view";
import { messageText } from "@/lib/stream/items";
import { describeCall } from "@/lib/tool-words";

/** What a run is doing, in one word: the same enum in the thread, the list and the title. */
export type Phase =
  | "queued"
  | "starting"
  | "thinking"
  | "writing"
  | "using_tool"
  | "needs_approval"
  | "asks_you"
  | "in_doubt"
  | "retrying"
  | "recovering"
  | "stopping"
  | "completed"
  | "failed"
  | "stopped"
  | "limited";

/** The state of a run: its phase, the words for it, and since when (0 if unknown). */
export type PhaseLine = { phase: Phase; label: string; since: number };

const STATUS_PHASE: Record<RunStatus, Phase> = {
  queued: "queued",
  in_progress: "thinking",
  requires_action: "needs_approval",
  completed: "completed",
  failed: "failed",
  cancelled: "stopped",
  incomplete: "limited",
};

const STATUS_LABEL: Record<RunStatus, string> = {
  queued: "Queued",
  in_progress: "Running",
  requires_action: "Needs you",
  completed: "Done",
  failed: "Failed",
  cancelled: "Stopped",
  incomplete: "Limit reached",
};

/** The phase where only the status is known, as in the list of threads. */
export function phaseOfStatus(status: RunStatus): PhaseLine {
  return { phase: STATUS_PHASE[status], label: STATUS_LABEL[status], since: 0 };
}

/** The phase of a run that is followed event by event. */
export function phaseOf(view: RunView): PhaseLine {
  const { extra, status } = view;
  const active = status === "queued" || status === "in_progress" || status === "requires_action";
  if (active && extra.stopping)
    return { phase: "stopping", label: "Stopping…", since: 0 };
  if (status === "requires_action") return waiting(view);
  if (status === "queued" && extra.requeued === "lease_expired")
    return { phase: "recovering", label: "Moving to another worker", since: 0 };
  if (status === "queued") return { phase: "queued", label: "Queued", since: extra.queuedAt };
  if (status === "in_progress") return working(view);
  if (status === "cancelled") return { phase: "stopped", label: "Stopped by you", since: 0 };
  if (status === "incomplete")
    return { phase: "limited", label: limitLabel(extra.incompleteReason), since: 0 };
  return phaseOfStatus(status);
}

function waiting(view: RunView): PhaseLine {
  switch (view.action?.kind) {
    case "question":
      return { phase: "asks_you", label: "Asks you", since: 0 };
    case "in_doubt":
      return { phase: "in_doubt", label: "Not sure if it happened", since: 0 };
    default:
      return { phase: "needs_approval", label: "Needs approval", since: 0 };
  }
}

function working(view: RunView): PhaseLine {
  const { activity } = view.extra;
  if (activity.kind === "retrying") {
    const label = `Attempt ${activity.tryNumber}: ${activity.reason}`;
    return { phase: "retrying", label, since: 0 };
  }
  const call = openCall(view);
  if (call) {
    const words = describeCall(call);
    const since = view.extra.timings[call.call_id]?.startedAt ?? 0;
    return { phase: "using_tool", label: words.target ? `${words.doing}: ${words.target}` : words.doing, since };
  }
  const last = view.items.at(-1);
  if (last?.type === "message" && last.status === "in_progress" && messageText(last))
    return { phase: "writing", label: "Writing", since: view.extra.startedAt };
  if (view.items.length === 0 && activity.kind === "none")
    return { phase: "starting", label: "Starting", since: view.extra.startedAt };
  return { phase: "thinking", label: "Thinking", since: view.extra.startedAt };
}

function openCall(view: RunView) {
  const answered = new Set<string>();
  for (const item of view.items) if (item.type === "tool_result") answered.add(item.call_id);
  const open = view.items.findLast(
    (item) => item.type === "tool_call" && !item.caller && !answered.has(item.call_id),
  );
  return open?.type === "tool_call" ? open : undefined;
}

const LIMITS: Record<string, string> = {
  max_steps: "Stopped at the limit of steps",
  max_tokens: "Stopped at the limit of tokens",
  max_output_tokens: "Stopped at the limit of output",
  max_cost: "Stopped at the limit of cost",
  max_seconds: "Stopped at the limit of time",
  max_tool_calls: "Stopped at the limit of tool calls",
};

function limitLabel(reason: string | null): string {
  return LIMITS[reason ?? ""] ?? "Stopped at a limit";
}

export function isLive(phase: Phase): boolean {
  switch (phase) {
    case "starting":
    case "thinking":
    case "writing":
    case "using_tool":
    case "retrying":
    case "recovering":
    case "stopping":
      return true;
    default:
      return false;
  }
}

export function needsYou(phase: Phase): boolean {
  return phase === "needs_approval" || phase === "asks_you" || phase === "in_doubt";
}
