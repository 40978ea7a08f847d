// Serves out/ and plays the API with scripted runs, to develop and to look at the page without
// the real server:  node e2e/fake-backend.mjs [port]     the token is hel_demo
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { scriptFor } from "./fake-script.mjs";

const PORT = Number(process.argv[2] ?? 8000);
const OUT = fileURLToPath(new URL("../out", import.meta.url));
const TOKEN = "hel_demo";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".txt": "text/plain", ".json": "application/json", ".ico": "image/x-icon" };

const threads = new Map();
const runs = new Map();
const byKey = new Map();
const streams = new Set();
let downUntil = 0;
let count = 0;
const nextId = (prefix) => `${prefix}_${String(++count).padStart(8, "0")}`;
const now = () => new Date().toISOString();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const FINAL = { "run.completed": "completed", "run.failed": "failed", "run.cancelled": "cancelled", "run.incomplete": "incomplete" };

function append(run, event) {
  run.events.push({ seq: run.events.length + 1, at: now(), ...event });
  if (event.type === "run.started") [run.status, run.started_at] = ["in_progress", run.started_at ?? now()];
  if (event.type === "item.done") run.output.push(event.item);
  if (event.type === "run.requires_action") {
    run.status = "requires_action";
    const { action_id: id, kind, prompt, tool = null, call_id = null } = event;
    run.action = { id, kind, prompt, tool, arguments: event.arguments ?? null, call_id };
  }
  if (event.type === "run.resumed") [run.status, run.action] = ["queued", null];
  if (FINAL[event.type]) {
    run.status = FINAL[event.type];
    run.action = null;
    run.finished_at = now();
    run.usage = event.usage ?? {};
    if (event.code) run.error = { code: event.code, message: event.message };
  }
  for (const wake of run.waiters.splice(0)) wake();
}

const shown = (run) => {
  const { events, waiters, decide, stop, ...rest } = run;
  return { ...rest, last_seq: events.length };
};
const threadOf = (thread) => {
  const last = [...runs.values()].filter((run) => run.thread_id === thread.id).at(-1);
  return { ...thread, status: last?.status ?? "idle", metadata: {} };
};

async function play(run) {
  const controls = {
    nextId,
    say: (event) => append(run, event),
    pause: async (ms) => {
      for (let left = ms; left > 0 && !run.stop; left -= 50) await sleep(Math.min(50, left));
      if (run.stop) throw new Error("stopped");
    },
    decision: () => new Promise((resolve) => (run.decide = resolve)),
  };
  try {
    await scriptFor(run.input[0].content[0].text)(controls);
  } catch (error) {
    if (error.message !== "stopped") throw error;
    append(run, { type: "run.cancelled" });
  }
}

function startRun(body) {
  let thread = threads.get(body.thread_id);
  if (!thread) {
    thread = { id: nextId("thr"), title: body.input.slice(0, 60), created_at: now(), updated_at: now() };
    threads.set(thread.id, thread);
  }
  const busy = [...runs.values()].filter((r) => r.thread_id === thread.id && !r.finished_at).at(-1);
  thread.updated_at = now();
  const run = {
    id: nextId("run"), thread_id: thread.id, agent: "default", model: "offline:demo", status: "queued",
    input: [{ type: "message", id: nextId("msg"), role: "user", content: [{ type: "text", text: body.input }] }],
    output: [], usage: {}, error: null, action: null, created_at: now(), started_at: null, finished_at: null,
    events: [], waiters: [], stop: false,
  };
  runs.set(run.id, run);
  append(run, { type: "run.queued", agent: "default", model: "offline:demo" });
  void (async () => {
    while (busy && !busy.finished_at) await sleep(50);
    await play(run);
  })();
  return run;
}

async function streamEvents(run, request, response) {
  if (Date.now() < downUntil) return response.destroy();
  streams.add(response);
  response.on("close", () => streams.delete(response));
  let seq = Number(request.headers["last-event-id"] ?? 0);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": keep-alive\n\n");
  for (;;) {
    for (; seq < run.events.length; seq += 1) {
      const event = run.events[seq];
      response.write(`id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      if (FINAL[event.type]) return response.end();
    }
    await new Promise((resolve) => run.waiters.push(resolve));
    if (response.destroyed) return;
  }
}

function problem(response, status, code, title, detail) {
  response.writeHead(status, { "Content-Type": "application/problem+json" });
  response.end(JSON.stringify({ type: `/errors/${code}`, title, status, detail, code, request_id: nextId("req") }));
}

async function api(request, response, url) {
  const json = (status, value) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(value));
  };
  if (request.headers.authorization !== `Bearer ${TOKEN}`)
    return problem(response, 401, "not_authenticated", "Not signed in", "The token is missing or wrong.");
  let text = "";
  for await (const chunk of request) text += chunk;
  const body = text ? JSON.parse(text) : {};
  if (url.pathname === "/v1/fake/cut") {
    // Every event stream breaks now, and none opens for a while.
    downUntil = Date.now() + Number(url.searchParams.get("ms"));
    for (const stream of streams) stream.destroy();
    return json(200, {});
  }
  const [, , kind, id, part, actionId] = url.pathname.split("/");
  if (kind === "threads" && !id)
    return json(200, { data: [...threads.values()].reverse().map(threadOf), next_cursor: null });
  if (kind === "threads") {
    if (!threads.has(id)) return problem(response, 404, "thread_not_found", "No such thread", `There is no thread ${id}.`);
    if (part === "runs") return json(200, { data: [...runs.values()].filter((r) => r.thread_id === id).map(shown) });
    return json(200, threadOf(threads.get(id)));
  }
  if (kind === "runs" && !id) {
    if (body.input === "refuse me") return problem(response, 422, "invalid_input", "The message was refused", "It is the one text that this server never takes.");
    const key = request.headers["idempotency-key"];
    if (!byKey.has(key)) byKey.set(key, startRun(body));
    await sleep(Number(process.env.FAKE_DELAY_MS ?? 30));
    return json(202, shown(byKey.get(key)));
  }
  const run = runs.get(id);
  if (!run) return problem(response, 404, "run_not_found", "No such run", `There is no run ${id}.`);
  if (part === "events") return streamEvents(run, request, response);
  if (part === "cancel") {
    append(run, { type: "run.cancel_requested" });
    run.stop = true;
    if (run.decide) append(run, { type: "run.cancelled" });
  }
  if (part === "actions") {
    if (run.action?.id !== actionId) return problem(response, 409, "action_already_decided", "Already decided", "Somebody was faster.");
    append(run, { type: "run.resumed", action_id: actionId, decision: body.decision });
    run.decide(body);
  }
  return json(200, shown(run));
}

async function file(response, url) {
  const path = normalize(decodeURIComponent(url.pathname)).replace(/^\/+/, "") || "index.html";
  for (const candidate of [path, `${path}.html`]) {
    try {
      const bytes = await readFile(join(OUT, candidate));
      response.writeHead(200, { "Content-Type": TYPES[extname(candidate)] ?? "application/octet-stream" });
      return response.end(bytes);
    } catch {
      // the next candidate
    }
  }
  response.writeHead(404).end("not found");
}

createServer((request, response) => {
  const url = new URL(request.url, "http://fake.invalid");
  const answer = url.pathname.startsWith("/v1/") ? api(request, response, url) : file(response, url);
  answer.catch((error) => response.destroy(error));
}).listen(PORT, "127.0.0.1", () => console.log(`http://127.0.0.1:${PORT}/#token=${TOKEN}`));
