import { describe, expect, it } from "vitest";
import { FollowLatch, type ScrollSample } from "./follow-latch";

const at = (top: number, facts: Partial<ScrollSample> = {}): ScrollSample => ({
  top,
  height: 2000,
  distance: 500,
  byProgram: false,
  ...facts,
});

function following(): FollowLatch {
  const latch = new FollowLatch();
  latch.follow();
  latch.grew(2000);
  latch.scrolled(at(1400, { distance: 0, byProgram: true }));
  return latch;
}

describe("the follow latch", () => {
  it("pins the end while it follows", () => {
    expect(following().grew(2100)).toBe(true);
  });

  it("lets go when the reader scrolls up by a little", () => {
    const latch = following();

    latch.scrolled(at(1390, { distance: 10 }));

    expect(latch.mode).toBe("free");
    expect(latch.grew(2100)).toBe(false);
  });

  it("does not mistake a page that shrinks for a reader who scrolls", () => {
    const latch = following();

    latch.scrolled(at(1200, { height: 1800 }));

    expect(latch.mode).toBe("follow");
  });

  it("does not mistake its own scrolling for the reader's", () => {
    const latch = following();

    latch.scrolled(at(1200, { byProgram: true }));

    expect(latch.mode).toBe("follow");
  });

  it("is never taken up again because text happens to end nearby", () => {
    const latch = following();
    latch.leave();

    latch.grew(2100);
    latch.scrolled(at(1400, { height: 2100, distance: 20 }));

    expect(latch.mode).toBe("free");
  });

  it("follows again when the reader comes down to the end", () => {
    const latch = following();
    latch.leave();
    latch.scrolled(at(900));

    latch.scrolled(at(1380, { distance: 60 }));

    expect(latch.mode).toBe("follow");
  });

  it("stays where a sent message was put while its answer grows", () => {
    const latch = following();

    latch.sent();

    expect(latch.grew(3000)).toBe(false);
    expect(latch.mode).toBe("anchored");
  });
});
