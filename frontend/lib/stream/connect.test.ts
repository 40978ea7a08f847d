import { describe, expect, it } from "vitest";
import { followRun, type LinkState } from "./connect";
import type { LoggedEvent } from "./events";

type Answer = { body?: string; status?: number; headers?: Record<string, string> } | "refused";

const line = (seq: number, event: object) =>
  `id: ${seq}\nevent: x\ndata: ${JSON.stringify({ seq, at: "2026-11-23T10:00:00Z", ...event })}\n\n`;
const queued = line(1, { type: "run.queued", agent: "a", model: "m" });
const started = line(2, { type: "run.started", attempt: 1 });
const completed = line(3, { type: "run.completed" });

/** Follows a run over a network that gives these answers, one per connection. */
async function follow(answers: Answer[], after = 0) {
  const requests: { url: string; headers: Record<string, string> }[] = [];
  const events: LoggedEvent[] = [];
  const links: LinkState[] = [];
  const pauses: number[] = [];
  let resets = 0;
  const ending = new AbortController();
  const network = (url: string, init: RequestInit) => {
    requests.push({ url, headers: init.headers as Record<string, string> });
    const answer = answers.shift();
    if (!answer) ending.abort();
    if (!answer || answer === "refused") return Promise.reject(new TypeError("no network"));
    return Promise.resolve(
      new Response(answer.body ?? "", { status: answer.status ?? 200, headers: answer.headers }),
    );
  };
  await followRun({
    url: "/v1/runs/run_1/events",
    token: "hel_secret",
    after,
    signal: ending.signal,
    onEvents: (batch) => events.push(...batch),
    onReset: () => (resets += 1),
    onLink: (link) => links.push(link),
    fetch: network as typeof fetch,
    pause: (ms) => {
      pauses.push(ms);
      return Promise.resolve();
    },
    random: () => 0.5,
    now: () => 1000,
  });
  return { requests, seqs: events.map((event) => event.seq), events, links, pauses, resets };
}

describe("following a run", () => {
  it("reads to the final event and stops", async () => {
    const { seqs, requests, links } = await follow([{ body: queued + started + completed }]);

    expect(seqs).toEqual([1, 2, 3]);
    expect(requests).toHaveLength(1);
    expect(links.at(-1)).toEqual({ state: "ended" });
  });

  it("gives events in the form that the reducer takes", async () => {
    const { events } = await follow([{ body: queued + started + completed }]);

    expect(events[0]).toEqual({
      seq: 1,
      at: "2026-11-23T10:00:00Z",
      event: { type: "run.queued", agent: "a", model: "m" },
    });
  });

  it("resumes a cut stream after the last number it has", async () => {
    const { seqs, requests } = await follow([
      { body: queued + started.slice(0, 20) },
      { body: started + completed },
    ]);

    expect(seqs).toEqual([1, 2, 3]);
    expect(requests.map((one) => one.headers["Last-Event-ID"])).toEqual([undefined, "1"]);
  });

  it("gives no event twice when the server repeats some", async () => {
    const { seqs } = await follow([{ body: queued }, { body: queued + started + completed }]);

    expect(seqs).toEqual([1, 2, 3]);
  });

  it("asks again instead of passing over a gap", async () => {
    const { seqs, requests } = await follow([
      { body: queued + completed },
      { body: started + completed },
    ]);

    expect(seqs).toEqual([1, 2, 3]);
    expect(requests[1]?.headers["Last-Event-ID"]).toBe("1");
  });

  it("waits longer after each failure, and starts anew after a success", async () => {
    const { pauses, links } = await follow([
      "refused",
      { status: 503 },
      "refused",
      { body: queued },
      "refused",
      { body: started + completed },
    ]);

    expect(pauses).toEqual([300, 500, 900, 300, 500]);
    expect(links.filter((link) => link.state === "reconnecting").map((link) => link.attempt)).toEqual([
      1, 2, 3, 1, 2,
    ]);
  });

  it("honours the pause that a busy server asks for", async () => {
    const { pauses } = await follow([
      { status: 429, headers: { "Retry-After": "7" } },
      { body: queued + started + completed },
    ]);

    expect(pauses).toEqual([7000]);
  });

  it("reconnects on invitation without calling it trouble", async () => {
    const { pauses, links, seqs } = await follow([
      { body: `${queued}event: reconnect\ndata: \n\n` },
      { body: started + completed },
    ]);

    expect(seqs).toEqual([1, 2, 3]);
    expect(pauses).toEqual([500]);
    expect(links.map((link) => link.state)).not.toContain("reconnecting");
  });

  it("begins anew when the server has lost the end of the log", async () => {
    const { seqs, resets } = await follow(
      [{ body: `retry: 900\nevent: reset\ndata: {}\n\n${queued}${started}${completed}` }],
      9,
    );

    expect(resets).toBe(1);
    expect(seqs).toEqual([1, 2, 3]);
  });

  it("passes over messages that are not events", async () => {
    const { seqs, requests } = await follow([
      { body: `retry: 900\n\nevent: advice\ndata: {}\n\n${queued}${started}${completed}` },
    ]);

    expect(seqs).toEqual([1, 2, 3]);
    expect(requests).toHaveLength(1);
  });

  it("stops when the server refuses for good", async () => {
    const body = JSON.stringify({ detail: "There is no run run_1." });
    const { requests, links } = await follow([{ status: 404, body }]);

    expect(requests).toHaveLength(1);
    expect(links.at(-1)).toEqual({
      state: "refused",
      status: 404,
      detail: "There is no run run_1.",
    });
  });

  it("sends the token in a header, never in the address", async () => {
    const { requests } = await follow([{ body: queued + started + completed }]);

    expect(requests[0]?.headers.Authorization).toBe("Bearer hel_secret");
    expect(requests[0]?.url).not.toContain("hel_secret");
  });
});
