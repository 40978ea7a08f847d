import { addressOf, call, type Answer, type Body } from "./client";

export type Run = Answer<"get", "/v1/runs/{run_id}">;
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
  return (await call("get", "/v1/threads/{thread_id}/runs", { path, signal })).data;
}

export function startRun(run: NewRun, idempotencyKey: string): Promise<Run> {
  return call("post", "/v1/runs", { body: run, idempotencyKey });
}

export function cancelRun(runId: string): Promise<Run> {
  return call("post", "/v1/runs/{run_id}/cancel", { path: { run_id: runId } });
}

export function decide(
  runId: string,
  actionId: string,
  decision: Decision,
  idempotencyKey: string,
): Promise<Run> {
  const path = { run_id: runId, action_id: actionId };
  return call("post", "/v1/runs/{run_id}/actions/{action_id}", {
    path,
    body: decision,
    idempotencyKey,
  });
}

export function eventsAddress(runId: string): string {
  return addressOf("/v1/runs/{run_id}/events", { run_id: runId });
}
