"use client";

import { useEffect, useState } from "react";
import type { RunStore } from "@/lib/stream/store";
import { useRun } from "@/lib/stream/use-run";

const PATIENCE_MS = 2_000;

/** A thin line, and only after two seconds of trouble: most losses mend before that. */
export function ConnectionLine({ store }: { store: RunStore }) {
  const link = useRun(store, "link", store.linkState);
  const since = link.state === "reconnecting" ? link.since : 0;
  const [lateSince, setLateSince] = useState(0);

  useEffect(() => {
    if (since === 0) return;
    const wait = Math.max(0, since + PATIENCE_MS - Date.now());
    const timer = setTimeout(() => setLateSince(since), wait);
    return () => clearTimeout(timer);
  }, [since]);

  if (link.state === "refused")
    return <Line text={`This run cannot be followed: ${link.detail} Reload the page to try again.`} />;
  if (link.state !== "reconnecting" || lateSince !== since) return null;
  const clock = new Date(since).toLocaleTimeString();
  const text = navigator.onLine
    ? `Reconnecting (try ${link.attempt}). The run goes on without this page.`
    : `Offline since ${clock}. The run goes on without this page.`;
  return <Line text={text} />;
}

function Line({ text }: { text: string }) {
  return (
    <p
      data-slot="connection-line"
      className="shrink-0 border-b border-line bg-sunken px-4 py-1 text-center text-small text-text-2"
    >
      {text}
    </p>
  );
}
