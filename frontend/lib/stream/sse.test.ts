import { describe, expect, it } from "vitest";
import { createSseParser, type SseMessage } from "./sse";

function read(...chunks: string[]): SseMessage[] {
  const messages: SseMessage[] = [];
  const feed = createSseParser((message) => messages.push(message));
  chunks.forEach(feed);
  return messages;
}

const STREAM = ': keep-alive\r\n\r\nid: 1\r\nevent: run.queued\r\ndata: {"a":1}\r\n\r\nid: 2\ndata: one\ndata: two\n\nevent: reconnect\n\n';
const MESSAGES = [
  { id: "1", event: "run.queued", data: '{"a":1}' },
  { id: "2", event: "message", data: "one\ntwo" },
  { id: null, event: "reconnect", data: "" },
];

describe("the event stream parser", () => {
  it("reads messages and skips comments", () => {
    expect(read(STREAM)).toEqual(MESSAGES);
  });

  it("reads the same wherever the network cuts the stream", () => {
    for (let cut = 1; cut < STREAM.length; cut += 1) {
      expect(read(STREAM.slice(0, cut), STREAM.slice(cut))).toEqual(MESSAGES);
    }
  });

  it("reads the same character by character", () => {
    expect(read(...STREAM)).toEqual(MESSAGES);
  });

  it("gives nothing for a message that has not ended", () => {
    expect(read("id: 1\ndata: half\n")).toEqual([]);
  });
});
