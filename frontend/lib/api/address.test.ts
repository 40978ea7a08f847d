import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { apiAddress, basesOf, streamAddress } from "./address";

const API = "https://api.example.com";
const STREAM = "https://stream.example.com";
const EVENTS = "/v1/runs/run_1/events";

describe("an address", () => {
  it("is of the page's own origin unless the build was told another", () => {
    expect(apiAddress("/v1/threads")).toBe("/v1/threads");
    expect(streamAddress(EVENTS)).toBe(EVENTS);
    expect(basesOf("", "")).toEqual({ api: "", stream: "" });
  });

  it("is the API's, for streams too", () => {
    expect(apiAddress("/v1/threads", basesOf(API))).toBe(`${API}/v1/threads`);
    expect(streamAddress(EVENTS, basesOf(API, ""))).toBe(`${API}${EVENTS}`);
  });

  it("is another for streams where they have one", () => {
    expect(basesOf(API, STREAM)).toEqual({ api: API, stream: STREAM });
    expect(basesOf("", STREAM)).toEqual({ api: "", stream: STREAM });
  });

  it.each(["api.example.com", `${API}/`, `${API}/v1`, "ftp://api.example.com", "https://me@api.test"])(
    "is refused when it is %s",
    (address) => {
      expect(() => basesOf(address)).toThrow("NEXT_PUBLIC_API_URL must be like https://api.example.com");
      expect(() => basesOf(API, address)).toThrow("NEXT_PUBLIC_STREAM_URL must be like");
    },
  );
});

describe("a page that was built for another origin", () => {
  const asked = vi.fn();

  beforeEach(() => {
    vi.stubEnv("NEXT_PUBLIC_API_URL", API);
    vi.stubEnv("NEXT_PUBLIC_STREAM_URL", STREAM);
    vi.resetModules();
    asked.mockReset().mockImplementation(() => Promise.resolve(Response.json({ data: [] })));
    vi.stubGlobal("fetch", asked);
    localStorage.setItem("helium.token", "hel_abc");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    localStorage.clear();
  });

  it("asks the API there", async () => {
    const { listThreads } = await import("./endpoints");

    await listThreads(undefined);

    expect(asked.mock.calls[0]?.[0]).toBe(`${API}/v1/threads?limit=50`);
  });

  it("follows a run at the streams' address", async () => {
    const { eventsAddress } = await import("./endpoints");

    expect(eventsAddress("run_1")).toBe(`${STREAM}${EVENTS}`);
  });

  it("tells the API of its defects", async () => {
    const { reportDefects } = await import("../report");
    const stop = reportDefects();

    window.dispatchEvent(new ErrorEvent("error", { error: new TypeError("no") }));
    stop();

    expect(asked.mock.calls[0]?.[0]).toBe(`${API}/api/page-errors`);
  });
});

it("is made in one place: no other file asks the network", () => {
  const files = ["app", "components", "features", "lib"]
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`),
    )
    .filter((file) => /(?<!\.test|\.d)\.tsx?$/.test(file));
  const asks = /\bfetch\)?\(|\bEventSource\b|\bXMLHttpRequest\b|\bsendBeacon\b|\bWebSocket\b/;

  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => asks.test(readFileSync(file, "utf8"))).sort()).toEqual([
    "lib/api/client.ts",
    "lib/report.ts",
    "lib/stream/connect.ts",
  ]);
});
