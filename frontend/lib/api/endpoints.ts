import type { Item } from "@/lib/stream/events";
import { streamAddress } from "./address";
import { addressOf, call, type Answer, type Body } from "./client";

type WireRun = Answer<"get", "/v1/runs/{run_id}">;

/** A run as the API gives it. Its items are open objects there; their shapes stand in `events.ts`. */
export type Run = Omit<WireRun, "input" | "output"> & { input: Item[]; output: Item[] };
export type Thread = Answer<"get", "/v1/threads/{thread_id}">;
export type ThreadPage = Answer<"get", "/v1/threads">;
export type NewRun = Body<"post", "/v1/runs">;
export type Decision = Body<"post", "/v1/runs/{run_id}/actions/{action_id}">;

export function listThreads(after: string | undefined, signal?: AbortSignal): Promise<ThreadPage> {
  return call("get", "/v1/threads", { query: { limit: 50, after }, signal });
}

export function getThread(threadId: string, signal?: AbortSignal): Promise<Thread> {
  return call("get", "/v1/threads/{thread_id}", { path: { thread_id: threadId }, signal });
}

export async function listRuns(threadId: string, signal?: AbortSignal): Promise<Run[]> {
  const path = { thread_id: threadId };
  const list = await call("get", "/v1/threads/{thread_id}/runs", { path, signal });
  return list.data.map(runOf);
}

export async function startRun(run: NewRun, idempotencyKey: string): Promise<Run> {
  return runOf(await call("post", "/v1/runs", { body: run, idempotencyKey }));
}

export async function cancelRun(runId: string): Promise<Run> {
  return runOf(await call("post", "/v1/runs/{run_id}/cancel", { path: { run_id: runId } }));
}

export async function decide(
  runId: string,
  actionId: string,
  decision: Decision,
  idempotencyKey: string,
): Promise<Run> {
  // The event log names an action by its bare digits, the API by its id.
  const action_id = actionId.startsWith("act_") ? actionId : `act_${actionId}`;
  const path = { run_id: runId, action_id };
  const address = "/v1/runs/{run_id}/actions/{action_id}";
  return runOf(await call("post", address, { path, body: decision, idempotencyKey }));
}

function runOf(wire: WireRun): Run {
  return wire as Run;
}

export function eventsAddress(runId: string): string {
  return streamAddress(addressOf("/v1/runs/{run_id}/events", { run_id: runId }));
}
