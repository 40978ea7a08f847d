"use client";

import { useEffect, type ReactNode } from "react";
import { MenuButton } from "@/components/menu-button";
import { askedText } from "@/lib/run-view";
import { useLetters } from "@/lib/outbox";
import { useRuns, useThreadTitle } from "@/lib/queries";
import { phaseOfStatus } from "@/lib/run-phase";
import type { RunStatus } from "@/lib/stream/events";
import { isFinal } from "@/lib/stream/view";
import { ConnectionLine } from "./connection-line";
import { DemoBanner } from "./demo-banner";
import { Transcript } from "./transcript";
import { useActiveRun } from "./use-active-run";
import { StopButton } from "./stop-button";

type Props = {
  threadId: string | null;
  onMenu: () => void;
  composer: (busy: boolean, stop: ReactNode) => ReactNode;
};

/** One thread: what was said, what is happening, and where to write. */
export function ThreadView({ threadId, onMenu, composer }: Props) {
  const runs = useRuns(threadId);
  const all = useLetters();
  const known = new Set(runs.data?.map((run) => run.id));
  const letters = all.filter(
    (letter) => letter.threadId === threadId && !(letter.runId && known.has(letter.runId)),
  );
  const active = useActiveRun(runs.data ?? []);
  const title = useThreadTitle(threadId);
  const [first] = runs.data ?? [];
  const heading = title || (first ? askedText(first) : letters[0]?.text) || "";
  usePageTitle(heading, active.run ? active.status : "idle");
  const busy = active.run !== null && !isFinal(active.status);

  return (
    <>
      <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line px-2 md:px-6">
        <MenuButton onClick={onMenu} />
        <h1 className="min-w-0 flex-1 truncate text-ui font-medium">{heading}</h1>
      </header>
      <ConnectionLine store={active.store} />
      <Transcript
        runs={runs.data ?? []}
        letters={letters}
        loading={threadId !== null && runs.isPending}
        error={runs.isError && !runs.data ? runs.error : null}
        onRetry={() => void runs.refetch()}
      />
      <div className="shrink-0 px-4 pt-2 pb-[max(0.75rem,env(safe-area-inset-bottom))]">
        <div className="mx-auto w-full max-w-column">
          {composer(
            busy,
            active.run && busy ? <StopButton run={active.run} store={active.store} /> : null,
          )}
          <DemoBanner model={runs.data?.at(-1)?.model ?? ""} />
        </div>
      </div>
    </>
  );
}

/** The tab says what the thread is about, and whether it works or waits. */
function usePageTitle(heading: string, status: RunStatus | "idle") {
  useEffect(() => {
    const state = status === "idle" || isFinal(status) ? "" : `${phaseOfStatus(status).label} · `;
    document.title = `${state}${heading.slice(0, 60) || "Helium"}`;
    return () => {
      document.title = "Helium";
    };
  }, [heading, status]);
}
