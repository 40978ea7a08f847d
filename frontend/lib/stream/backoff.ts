export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

const FIRST_MS = 400;
const LONGEST_MS = 15_000;

/** Full jitter: a fleet of browsers that lost the same server must not come back as one. */
export function backoffDelay(attempt: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1));
  return 100 + random() * ceiling;
}

/** Waits, but not while there is reason to try now: the network came back, or the reader did. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function onVisible() {
      if (document.visibilityState === "visible") done();
    }
    function done() {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", onVisible);
      signal.removeEventListener("abort", done);
      resolve();
    }
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", onVisible);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
