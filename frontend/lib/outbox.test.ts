import { beforeEach, describe, expect, it, vi } from "vitest";

type Call = { key: string; body: { input: string; thread_id?: string; when_busy: string } };

const RUN = { id: "run_1", thread_id: "thr_1" };

/** A fresh outbox before a server that gives these answers in turn. */
async function openOutbox(...answers: (() => Promise<Response>)[]) {
  vi.resetModules();
  const calls: Call[] = [];
  vi.stubGlobal("fetch", (_: string, init: RequestInit) => {
    const headers = init.headers as Record<string, string>;
    calls.push({ key: headers["Idempotency-Key"] ?? "", body: JSON.parse(String(init.body)) });
    return (answers.shift() ?? accepted)();
  });
  const outbox = await import("./outbox");
  const placed: unknown[] = [];
  outbox.whenAccepted((letter, run) => placed.push([letter.text, run]));
  return { outbox, calls, placed };
}

const accepted = () => Promise.resolve(Response.json(RUN, { status: 202 }));
const lost = () => Promise.reject(new TypeError("no network"));
const refused = () =>
  Promise.resolve(Response.json({ title: "No", code: "invalid_input" }, { status: 422 }));

beforeEach(() => {
  sessionStorage.clear();
  vi.spyOn(Math, "random").mockReturnValue(0);
});

describe("the outbox", () => {
  it("sends a message once, and hands over the run", async () => {
    const { outbox, calls, placed } = await openOutbox();

    outbox.sendMessage("thr_1", "  hello ");

    await vi.waitFor(() => expect(placed).toEqual([["hello", RUN]]));
    expect(calls.map((call) => call.body)).toEqual([
      { input: "hello", thread_id: "thr_1", when_busy: "enqueue" },
    ]);
  });

  it("tries again under the same key when the network drops", async () => {
    const { outbox, calls, placed } = await openOutbox(lost, lost);

    outbox.sendMessage("thr_1", "hello");

    await vi.waitFor(() => expect(placed).toHaveLength(1));
    expect(calls).toHaveLength(3);
    expect(new Set(calls.map((call) => call.key)).size).toBe(1);
    expect(calls[0]?.key).toMatch(/^[0-9a-f]{32}$/);
  });

  it("starts one new thread, however often the button is pressed", async () => {
    const { outbox, calls, placed } = await openOutbox();

    outbox.sendMessage(null, "calculate 6 * 7");
    outbox.sendMessage(null, "calculate 6 * 7");

    await vi.waitFor(() => expect(placed).toHaveLength(1));
    expect(calls).toHaveLength(1);
  });

  it("keeps a refused message, and sends it again under its old key", async () => {
    const { outbox, calls, placed } = await openOutbox(refused);
    outbox.sendMessage("thr_1", "hello");
    const failed = () => JSON.parse(sessionStorage.getItem("helium.outbox") ?? "[]");
    await vi.waitFor(() => expect(failed()).toMatchObject([{ text: "hello", state: "failed" }]));

    outbox.retryLetter(calls[0]?.key ?? "");

    await vi.waitFor(() => expect(placed).toHaveLength(1));
    expect(calls[1]?.key).toBe(calls[0]?.key);
  });

  it("after a reload sends again what was under way, under its old key", async () => {
    const kept = [{ key: "k1", threadId: "thr_1", text: "hello", state: "sending" }];
    sessionStorage.setItem("helium.outbox", JSON.stringify(kept));
    const { outbox, calls, placed } = await openOutbox();

    outbox.resumeLetters();
    outbox.resumeLetters();

    await vi.waitFor(() => expect(placed).toHaveLength(1));
    expect(calls.map((call) => call.key)).toEqual(["k1"]);
    expect(sessionStorage.getItem("helium.outbox")).toBe("[]");
  });
});
