import { followRun } from "./connect";
import { RunStore } from "./store";
import { EMPTY_VIEW, isFinal, type RunView } from "./view";

type Live = { store: RunStore; readers: number; stop: (() => void) | null };

const runs = new Map<string, Live>();

/** The store of a run: one per run and page, so that switching threads and back loses nothing. */
export function runStore(runId: string, seed: () => RunView): RunStore {
  const known = runs.get(runId);
  if (known) return known.store;
  const view = seed();
  // An unfinished run is folded from its first event; the server's snapshot is for finished ones.
  const store = new RunStore(isFinal(view.status) ? view : startOf(view));
  runs.set(runId, { store, readers: 0, stop: null });
  return store;
}

function startOf(view: RunView): RunView {
  const { model, queuedAt } = view.extra;
  return {
    ...EMPTY_VIEW,
    status: view.status,
    extra: { ...EMPTY_VIEW.extra, model, queuedAt },
  };
}

/** Keeps a run's log flowing into its store while anybody looks. Returns the way to stop. */
export function watchRun(runId: string, url: string, token: string): () => void {
  const live = runs.get(runId);
  if (!live || (isFinal(live.store.head().status) && live.store.cursor > 0)) return () => undefined;
  live.readers += 1;
  live.stop ??= connect(live.store, url, token);
  return () => {
    live.readers -= 1;
    if (live.readers > 0) return;
    live.stop?.();
    live.stop = null;
  };
}

function connect(store: RunStore, url: string, token: string): () => void {
  const line = new AbortController();
  void followRun({
    url,
    token,
    after: store.cursor,
    signal: line.signal,
    onEvents: (events) => store.append(events),
    onReset: () => store.reset(),
    onLink: (link) => store.setLink(link),
  });
  return () => line.abort();
}
