import { beforeEach, describe, expect, it, vi } from "vitest";
import { readAccess } from "@/lib/token";
import { addressOf, call } from "./client";
import { Problem } from "./problem";

beforeEach(() => localStorage.setItem("helium.token", "hel_abc"));

describe("a call of the API", () => {
  it("sends the token as a bearer header and never in the address", async () => {
    const network = vi.fn().mockResolvedValue(Response.json({ data: [], next_cursor: null }));
    vi.stubGlobal("fetch", network);

    await call("get", "/v1/threads", { query: { limit: 50, after: undefined } });

    const [address, init] = network.mock.calls[0] ?? [];
    expect(address).toBe("/v1/threads?limit=50");
    expect(init.headers.Authorization).toBe("Bearer hel_abc");
  });

  it("throws what the server says went wrong", async () => {
    const body = {
      type: "/errors/thread_not_found",
      title: "No such thread",
      status: 404,
      detail: "There is no thread thr_x.",
      code: "thread_not_found",
      request_id: "req_1",
    };
    vi.stubGlobal("fetch", () => Promise.resolve(Response.json(body, { status: 404 })));

    const problem = await call("get", "/v1/threads/{thread_id}", {
      path: { thread_id: "thr_x" },
    }).catch((error: unknown) => error);

    expect(problem).toBeInstanceOf(Problem);
    expect({ ...(problem as Problem) }).toMatchObject({
      code: "thread_not_found",
      title: "No such thread",
      detail: "There is no thread thr_x.",
      status: 404,
      requestId: "req_1",
    });
  });

  it("asks for another token when the server does not know this one", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("", { status: 401 })));

    await call("get", "/v1/threads").catch(() => undefined);

    expect(readAccess()).toBe("refused");
  });

  it("names the lack of a network as such", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));

    await expect(call("get", "/v1/threads")).rejects.toMatchObject({ code: "network", passing: true });
  });

  it("cannot be led to another path by an id", () => {
    expect(addressOf("/v1/runs/{run_id}", { run_id: "../threads?x" })).toBe(
      "/v1/runs/..%2Fthreads%3Fx",
    );
  });
});
