"use client";

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { END_ZONE_PX, FollowLatch } from "@/lib/follow-latch";

const LEAVING_KEYS = new Set(["PageUp", "Home", "ArrowUp"]);

/** Joins the follow latch to a scroller: pins the end while the latch says so, else never moves
 * anything. `ready` is when the thread's content is first there. */
export function useFollow(ready: boolean) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const latch = useMemo(() => new FollowLatch(), []);
  const programTop = useRef<number | null>(null);
  const [below, setBelow] = useState(false);

  const moveTo = useCallback((top: number) => {
    const box = scroller.current;
    if (!box) return;
    box.scrollTop = top;
    programTop.current = box.scrollTop;
  }, []);

  const distance = useCallback(() => {
    // The end of the text, not of the room that an anchored turn keeps below it.
    const end = content.current?.lastElementChild?.querySelector("[data-slot=turn-end]");
    if (!scroller.current || !end) return 0;
    const bottom = scroller.current.getBoundingClientRect().bottom;
    return end.getBoundingClientRect().bottom - bottom;
  }, []);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (!box || !inner) return;
    const line = new AbortController();
    const listen = { signal: line.signal, passive: true };

    const settle = () => {
      if (latch.grew(box.scrollHeight)) moveTo(box.scrollHeight);
      setBelow(distance() > END_ZONE_PX);
    };
    const onScroll = () => {
      const byProgram = programTop.current === box.scrollTop;
      programTop.current = null;
      const sample = { top: box.scrollTop, height: box.scrollHeight };
      latch.scrolled({ ...sample, distance: distance(), byProgram });
      setBelow(distance() > END_ZONE_PX);
    };
    box.addEventListener("scroll", onScroll, listen);
    box.addEventListener("wheel", (event) => event.deltaY < 0 && latch.leave(), listen);
    box.addEventListener("touchmove", () => latch.leave(), listen);
    box.addEventListener("keydown", (event) => LEAVING_KEYS.has(event.key) && latch.leave(), listen);
    // Opening a card is reading: what was clicked must stay under the pointer.
    inner.addEventListener("click", () => latch.leave(), listen);
    const sizes = new ResizeObserver(settle);
    sizes.observe(inner);
    sizes.observe(box);
    return () => {
      line.abort();
      sizes.disconnect();
    };
  }, [latch, moveTo, distance]);

  useLayoutEffect(() => {
    if (!ready || latch.mode === "anchored") return;
    latch.follow();
    moveTo(scroller.current?.scrollHeight ?? 0);
  }, [ready, latch, moveTo]);

  const jumpToEnd = useCallback(() => {
    latch.follow();
    moveTo(scroller.current?.scrollHeight ?? 0);
  }, [latch, moveTo]);

  /** A message was sent: its turn goes to the top, and the answer fills the space below. */
  const anchorTurn = useCallback(
    (turn: HTMLElement) => {
      const box = scroller.current;
      if (!box) return;
      latch.sent();
      const offset = turn.getBoundingClientRect().top - box.getBoundingClientRect().top;
      moveTo(box.scrollTop + offset);
    },
    [latch, moveTo],
  );

  return { scroller, content, below, jumpToEnd, anchorTurn };
}
