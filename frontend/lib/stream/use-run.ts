"use client";

import { useCallback, useSyncExternalStore } from "react";
import type { RunStore, Topic } from "./store";

/** The only hook into a run: subscribes to one topic and reads one stable value of it. */
export function useRun<T>(store: RunStore, topic: Topic, read: () => T): T {
  const subscribe = useCallback(
    (listener: () => void) => store.subscribe(topic, listener),
    [store, topic],
  );
  return useSyncExternalStore(subscribe, read, read);
}
