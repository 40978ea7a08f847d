import { describe, expect, it } from "vitest";
import { choicesOf, describeCall, prettyText } from "./tool-words";

describe("a tool call in words", () => {
  it("says what a known tool does, and on what", () => {
    expect(describeCall({ name: "clock", arguments: '{"place":"Tokyo"}' })).toMatchObject({
      doing: "Looking up the time",
      target: "Tokyo",
    });
  });

  it("has words for a tool that it does not know", () => {
    expect(describeCall({ name: "send_mail" })).toEqual({
      doing: "Running send mail",
      did: "Ran send mail",
      failed: "Send mail failed",
      target: "",
    });
  });

  it("bears arguments that have not fully arrived", () => {
    expect(describeCall({ name: "clock", arguments: '{"pla' }).target).toBe("");
  });

  it("lays out JSON, and cuts what nobody reads on", () => {
    expect(prettyText('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(prettyText("x".repeat(20_005))).toMatch(/\n… 5 more characters$/);
  });

  it("finds the answers that a question offers", () => {
    expect(choicesOf('{"question":"?","options":["yes","no",3]}')).toEqual(["yes", "no"]);
    expect(choicesOf(null)).toEqual([]);
  });
});
