import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { forgetReports, reportDefects, reportOf } from "./report";

const CANARY = "canary-e120";
const PLACE = { pathname: "/chat", origin: "http://helium.test" };
let stop: () => void = () => undefined;

function defect(stack: string, name = "TypeError"): Error {
  return Object.assign(new Error(CANARY), { name, stack });
}

async function raise(error: unknown): Promise<void> {
  window.dispatchEvent(new ErrorEvent("error", { error }));
  await Promise.resolve();
}

function listen(status = 204) {
  const sent = vi.fn((_: string, __: RequestInit) => Promise.resolve(new Response(null, { status })));
  vi.stubGlobal("fetch", sent);
  stop = reportDefects();
  return sent;
}

beforeEach(() => {
  forgetReports();
  localStorage.setItem("helium.token", "hel_abc");
});
afterEach(() => {
  stop();
  localStorage.clear();
});

describe("a report of the page", () => {
  it("has the places that Chromium names, and not a word of the error", () => {
    const error = defect(
      `TypeError: ${CANARY}\n    at reduce (http://helium.test/_next/static/a-1.js?v=${CANARY}:3:14)\n` +
        "    at async http://helium.test/_next/static/b.js:7:2\n    at x (https://elsewhere.test/ad.js:1:1)",
    );

    expect(reportOf(error, PLACE)).toEqual({
      kind: "TypeError",
      where: "chat",
      frames: [
        { function: "reduce", file: "/_next/static/a-1.js", line: 3, column: 14 },
        { function: "", file: "/_next/static/b.js", line: 7, column: 2 },
        { function: "x", file: "", line: 1, column: 1 },
      ],
    });
  });

  it("has the places that Firefox and Safari name", () => {
    const error = defect("reduce@http://helium.test/a.js:3:14\n@http://helium.test/b.js:7:2\n");

    expect(reportOf(error, { ...PLACE, pathname: "/" }).frames).toEqual([
      { function: "reduce", file: "/a.js", line: 3, column: 14 },
      { function: "", file: "/b.js", line: 7, column: 2 },
    ]);
  });

  it("is made of names and paths, whatever stands in their places", () => {
    const error = defect(`at say: "no" (http://helium.test/${CANARY} x/<b>.js:1:1)`, "Oh: no!");

    expect(reportOf(error, PLACE)).toEqual({ kind: "Oh no", where: "chat", frames: [] });
    expect(reportOf(defect("at f (http://helium.test/a<b>.js:1:1)"), PLACE).frames).toEqual([
      { function: "f", file: "", line: 1, column: 1 },
    ]);
  });

  it("is sent with the reader's token and without the error's text", async () => {
    const sent = listen();

    await raise(defect("at f (http://helium.test/a.js:1:1)"));

    const [address, request] = sent.mock.calls[0] ?? [];
    expect(address).toBe("/api/page-errors");
    expect(request?.headers).toMatchObject({ Authorization: "Bearer hel_abc" });
    expect(String(request?.body)).not.toContain(CANARY);
  });

  it("is sent once for each defect, and for a few of them", async () => {
    const sent = listen();

    for (let n = 0; n < 20; n += 1) await raise(defect(`at f (http://helium.test/a.js:${n % 10}:1)`));

    expect(sent).toHaveBeenCalledTimes(5);
  });

  it("is not tried again where nobody collects them", async () => {
    const sent = listen(404);

    await raise(defect("at f (http://helium.test/a.js:1:1)"));
    await vi.waitFor(() => expect(sent).toHaveBeenCalledTimes(1));
    await new Promise((resolve) => setTimeout(resolve));
    await raise(defect("at f (http://helium.test/a.js:2:1)"));

    expect(sent).toHaveBeenCalledTimes(1);
  });

  it.each([
    ["a request that was broken off on purpose", defect("", "AbortError")],
    ["something that is no error", CANARY],
  ])("is not made of %s", async (_, error) => {
    const sent = listen();

    await raise(error);

    expect(sent).not.toHaveBeenCalled();
  });

  it("needs somebody who may use the page", async () => {
    localStorage.clear();
    const sent = listen();

    await raise(defect("at f (http://helium.test/a.js:1:1)"));

    expect(sent).not.toHaveBeenCalled();
  });
});
