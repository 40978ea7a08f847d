import { describe, expect, it } from "vitest";
import { splitBlocks } from "./markdown-blocks";

describe("cutting Markdown into blocks", () => {
  it("cuts at blank lines", () => {
    expect(splitBlocks("# One\n\ntwo\nthree\n\nfour")).toEqual(["# One\n", "two\nthree\n", "four"]);
  });

  it("keeps a fence whole, open or closed", () => {
    expect(splitBlocks("```js\na\n\nb\n```\n\nend")).toEqual(["```js\na\n\nb\n```\n", "end"]);
    expect(splitBlocks("```js\na\n\nb")).toEqual(["```js\na\n\nb"]);
  });

  it("keeps a loose list whole, with what is indented in it", () => {
    const list = "1. one\n\n2. two\n\n   more\n\n3. three";
    expect(splitBlocks(`${list}\n\nafter`)).toEqual([`${list}\n`, "after"]);
  });

  it("does not cut text that defines references", () => {
    const text = "see [a][1]\n\nmore\n\n[1]: https://example.com";
    expect(splitBlocks(text)).toEqual([text]);
  });

  it("changes only the last block when text is added", () => {
    const before = splitBlocks("one\n\ntwo\n\nthr");
    const after = splitBlocks("one\n\ntwo\n\nthree");
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
  });
});
