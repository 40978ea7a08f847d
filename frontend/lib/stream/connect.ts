import { backoffDelay, pause, type Pause } from "./backoff";
import type { Event, LoggedEvent } from "./events";
import { createSseParser, type SseMessage } from "./sse";

export type LinkState =
  | { state: "connecting" | "live" | "ended" }
  | { state: "reconnecting"; attempt: number; since: number }
  | { state: "refused"; status: number; detail: string };

export type FollowOptions = {
  url: string;
  token: string;
  /** The last number that the reader already has; 0 reads the log from its start. */
  after: number;
  signal: AbortSignal;
  onEvents: (events: LoggedEvent[]) => void;
  /** The server lost the newest part of the log: what was read is void, all comes again. */
  onReset: () => void;
  onLink: (link: LinkState) => void;
  fetch?: typeof fetch;
  pause?: Pause;
  random?: () => number;
  now?: () => number;
};

const FINAL_EVENTS: ReadonlySet<string> = new Set([
  "run.completed",
  "run.failed",
  "run.cancelled",
  "run.incomplete",
]);

/** The server sends a comment every few seconds; silence of this length means a dead line. */
const SILENCE_MS = 45_000;

/** Follows a run's event log until its final event: every number once, in order, whatever the
 * network does. Ends early when the signal aborts or the server refuses for good. */
export async function followRun(options: FollowOptions): Promise<void> {
  const { signal, onLink } = options;
  const wait = options.pause ?? pause;
  const random = options.random ?? Math.random;
  const now = options.now ?? Date.now;
  let cursor = options.after;
  let attempt = 0;
  let since = 0;

  while (!signal.aborted) {
    if (attempt === 0) onLink({ state: "connecting" });
    const result = await readOnce(options, cursor, (last) => {
      cursor = last;
      attempt = 0;
      since = 0;
      onLink({ state: "live" });
    });
    cursor = result.cursor;
    if (signal.aborted) return;
    if (result.kind === "ended") return onLink({ state: "ended" });
    if (result.kind === "refused")
      return onLink({ state: "refused", status: result.status, detail: result.detail });
    if (result.kind === "invited") {
      await wait(random() * 1000, signal);
      continue;
    }
    attempt += 1;
    since ||= now();
    onLink({ state: "reconnecting", attempt, since });
    await wait(Math.max(result.afterMs, backoffDelay(attempt, random)), signal);
  }
}

type Reading =
  | { kind: "ended"; cursor: number }
  | { kind: "invited"; cursor: number }
  | { kind: "broken"; cursor: number; afterMs: number }
  | { kind: "refused"; cursor: number; status: number; detail: string };

async function readOnce(
  options: FollowOptions,
  after: number,
  onProgress: (cursor: number) => void,
): Promise<Reading> {
  const line = new AbortController();
  const stop = () => line.abort();
  options.signal.addEventListener("abort", stop);
  let silence = setTimeout(stop, SILENCE_MS);
  const reader = createLogReader(after, options.onReset);
  try {
    const response = await open(options, after, line.signal);
    if (!response.ok || !response.body) return await refusal(response, after);
    onProgress(after);
    const decoder = new TextDecoder();
    const body = response.body.getReader();
    for (;;) {
      const { done, value } = await body.read();
      if (done) break;
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE_MS);
      reader.feed(decoder.decode(value, { stream: true }));
      const events = reader.take();
      if (events.length > 0) options.onEvents(events);
      if (reader.ended()) return { kind: "ended", cursor: reader.cursor() };
      if (reader.broken()) break;
      if (reader.invited()) return { kind: "invited", cursor: reader.cursor() };
    }
  } catch {
    // A cut line, a refused connection or our own abort: all are mended by connecting again.
  } finally {
    clearTimeout(silence);
    options.signal.removeEventListener("abort", stop);
    line.abort();
  }
  return { kind: "broken", cursor: reader.cursor(), afterMs: 0 };
}

function open(options: FollowOptions, after: number, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {
    Accept: "text/event-stream",
    Authorization: `Bearer ${options.token}`,
  };
  if (after > 0) headers["Last-Event-ID"] = String(after);
  return (options.fetch ?? fetch)(options.url, { headers, signal, cache: "no-store" });
}

async function refusal(response: Response, cursor: number): Promise<Reading> {
  const passing = response.status >= 500 || response.status === 408 || response.status === 429;
  if (passing) {
    const seconds = Number(response.headers.get("Retry-After") ?? 0);
    return { kind: "broken", cursor, afterMs: Number.isFinite(seconds) ? seconds * 1000 : 0 };
  }
  const problem = (await response.json().catch(() => null)) as { detail?: string } | null;
  const detail = problem?.detail ?? "The server refused to show this run.";
  return { kind: "refused", cursor, status: response.status, detail };
}

/** Turns stream text into log events: drops what was seen, stops at a gap. */
function createLogReader(after: number, onReset: () => void) {
  let cursor = after;
  let pending: LoggedEvent[] = [];
  let ended = false;
  let invited = false;
  let broken = false;

  const feed = createSseParser((message: SseMessage) => {
    if (broken || ended) return;
    if (message.event === "reconnect") {
      invited = true;
      return;
    }
    if (message.event === "reset") {
      cursor = 0;
      pending = [];
      onReset();
      return;
    }
    // Only events are numbered; a newer server may say other things too.
    if (message.id === null) return;
    const logged = parseEvent(message.data);
    if (!logged) broken = true;
    else if (logged.seq <= cursor) return;
    else if (logged.seq > cursor + 1) broken = true;
    else {
      cursor = logged.seq;
      pending.push(logged);
      ended = FINAL_EVENTS.has(logged.event.type);
    }
  });

  return {
    feed,
    take() {
      const events = pending;
      pending = [];
      return events;
    },
    cursor: () => cursor,
    ended: () => ended,
    invited: () => invited,
    broken: () => broken,
  };
}

function parseEvent(data: string): LoggedEvent | null {
  try {
    const { seq, at, ...event } = JSON.parse(data) as { seq: number; at?: string } & Event;
    return Number.isInteger(seq) ? { seq, at, event: event as Event } : null;
  } catch {
    return null;
  }
}
