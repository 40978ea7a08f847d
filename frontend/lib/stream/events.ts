/** The event log's vocabulary. Made by `make contracts` from `core/events.py` and `core/items.py`.
 * Fields that have a default on the server are left out of the wire when they hold it. */
export type ItemStatus = "in_progress" | "completed" | "incomplete";
export type DeltaPart = "text" | "reasoning" | "arguments" | "refusal";
export type StepKind = "model" | "tool";
export type ActionKind = "approval" | "question" | "in_doubt";
export type RunStatus = "queued" | "in_progress" | "requires_action" | "completed" | "failed" | "cancelled" | "incomplete";

export type Usage = {
  input_tokens?: number;
  cached_tokens?: number;
  output_tokens?: number;
  reasoning_tokens?: number;
  cost_microusd?: number;
};

export type Text = {
  type: "text";
  text: string;
};
export type Image = {
  type: "image";
  url: string;
  detail?: "auto" | "low" | "high";
};
export type Refusal = {
  type: "refusal";
  text: string;
};
export type Part =
  | Text
  | Image
  | Refusal;

export type Message = {
  type: "message";
  id: string;
  role: "user" | "assistant" | "system" | "developer";
  content?: Part[];
  status?: ItemStatus;
};
export type Reasoning = {
  type: "reasoning";
  id: string;
  text?: string;
  opaque?: string | null;
  status?: ItemStatus;
};
export type ToolCall = {
  type: "tool_call";
  id: string;
  call_id: string;
  name: string;
  arguments?: string;
  caller?: boolean;
  status?: ItemStatus;
};
export type ToolResult = {
  type: "tool_result";
  id: string;
  call_id: string;
  output: string;
  is_error?: boolean;
};
export type Item =
  | Message
  | Reasoning
  | ToolCall
  | ToolResult;

export type RunQueued = {
  type: "run.queued";
  agent: string;
  model: string;
};
export type RunStarted = {
  type: "run.started";
  attempt: number;
};
export type RunRequeued = {
  type: "run.requeued";
  reason: "slice_over" | "lease_expired" | "drain" | "error";
  after_seconds?: number;
};
export type StepStarted = {
  type: "step.started";
  position: number;
  kind: StepKind;
  name: string;
  call_id?: string | null;
};
export type StepRetrying = {
  type: "step.retrying";
  position: number;
  reason: string;
  after_seconds: number;
  try_number: number;
};
export type StepRetracted = {
  type: "step.retracted";
  position: number;
  items: string[];
};
export type StepCompleted = {
  type: "step.completed";
  position: number;
  kind: StepKind;
  name: string;
  usage?: Usage;
  seconds?: number;
};
export type ItemAdded = {
  type: "item.added";
  index: number;
  item: Item;
};
export type ItemDelta = {
  type: "item.delta";
  item_id: string;
  index: number;
  text: string;
  part?: DeltaPart;
};
export type ItemDone = {
  type: "item.done";
  index: number;
  item: Item;
};
export type ActionRequired = {
  type: "run.requires_action";
  action_id: string;
  kind: ActionKind;
  prompt: string;
  tool?: string | null;
  arguments?: string | null;
  call_id?: string | null;
};
export type RunResumed = {
  type: "run.resumed";
  action_id: string;
  decision: string;
};
export type CancelRequested = {
  type: "run.cancel_requested";
};
export type RunCompleted = {
  type: "run.completed";
  usage?: Usage;
};
export type RunFailed = {
  type: "run.failed";
  code: string;
  message: string;
  usage?: Usage;
};
export type RunCancelled = {
  type: "run.cancelled";
  usage?: Usage;
};
export type RunIncomplete = {
  type: "run.incomplete";
  reason: string;
  usage?: Usage;
};
export type Event =
  | RunQueued
  | RunStarted
  | RunRequeued
  | StepStarted
  | StepRetrying
  | StepRetracted
  | StepCompleted
  | ItemAdded
  | ItemDelta
  | ItemDone
  | ActionRequired
  | RunResumed
  | CancelRequested
  | RunCompleted
  | RunFailed
  | RunCancelled
  | RunIncomplete;

/** An event at its place in the log. `at` is the server's clock, in ISO 8601. */
export type LoggedEvent = { seq: number; at?: string; event: Event };
