/** Whether the page follows the text that grows. A latch owned by the reader's intent: it is
 * never worked out again from a distance when the layout changes.
 *
 * anchored  a message was just sent; it stands at the top and the answer fills the space below
 * follow    the end stays in view
 * free      the reader chose a place; nothing moves it */
export type FollowMode = "anchored" | "follow" | "free";

export type ScrollSample = {
  top: number;
  height: number;
  /** How far the end of the text is below the bottom edge of the view; negative when above. */
  distance: number;
  /** The page itself moved the scroller, not the reader. */
  byProgram: boolean;
};

/** One wrapped line on a phone is 30 to 50 px; the end counts as reached well before it. */
export const END_ZONE_PX = 90;

export class FollowLatch {
  mode: FollowMode = "free";
  private top = 0;
  private height = 0;

  sent(): void {
    this.mode = "anchored";
  }

  /** The reader pressed the pill or End, or opened a thread that is running. */
  follow(): void {
    this.mode = "follow";
  }

  /** A wheel up, a page key, a touch, a selection: the reader takes over at once. */
  leave(): void {
    this.mode = "free";
  }

  scrolled(sample: ScrollSample): void {
    // A shrinking or growing page moves `top` on its own: only a still one shows intent.
    const up = sample.top < this.top && sample.height === this.height;
    const down = sample.top > this.top;
    this.top = sample.top;
    this.height = sample.height;
    if (sample.byProgram) return;
    if (up) this.mode = "free";
    else if (down && sample.distance <= END_ZONE_PX && sample.distance > -END_ZONE_PX)
      this.mode = "follow";
  }

  /** The text grew or the view shrank. True when the end should be brought into view. */
  grew(height: number): boolean {
    this.height = height;
    return this.mode === "follow";
  }
}
