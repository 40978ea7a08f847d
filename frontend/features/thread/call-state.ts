import type { ToolCall, ToolResult } from "@/lib/stream/events";
import type { Action } from "@/lib/stream/view";

export type CallState = "preparing" | "waiting" | "running" | "done" | "failed" | "not_run";

type Facts = { ended: boolean; action: Action | null };

/** Where a tool call stands, from its own items and the run around it. */
export function callState(call: ToolCall, result: ToolResult | null, facts: Facts): CallState {
  if (result) return result.is_error ? "failed" : "done";
  if (facts.ended) return "not_run";
  if (facts.action?.call_id === call.call_id) return "waiting";
  if (call.status === "in_progress") return "preparing";
  return "running";
}
