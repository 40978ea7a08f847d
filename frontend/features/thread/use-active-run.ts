"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { announce } from "@/lib/announce";
import { eventsAddress, type Run } from "@/lib/api/endpoints";
import { countWords } from "@/lib/format";
import { runMoved } from "@/lib/queries";
import { needsYou, phaseOf, type PhaseLine } from "@/lib/run-phase";
import { textOf, viewOf } from "@/lib/run-view";
import { runStore, watchRun } from "@/lib/stream/live-runs";
import { RunStore } from "@/lib/stream/store";
import { useRun } from "@/lib/stream/use-run";
import { isFinal, type RunView } from "@/lib/stream/view";
import { readToken } from "@/lib/token";

const NO_RUN = new RunStore();

/** The thread's run that is under way, followed live while the thread is on screen. Runs that
 * wait behind it take no connection. */
export function useActiveRun(runs: readonly Run[]) {
  const client = useQueryClient();
  const run = runs.find((one) => !isFinal(one.status)) ?? null;
  const store = run ? runStore(run.id, () => viewOf(run)) : NO_RUN;
  const head = useRun(store, "head", store.head);
  const status = head.status;
  const runId = run?.id;
  const threadId = run?.thread_id;

  useEffect(() => {
    const token = readToken();
    if (!runId || !token) return;
    return watchRun(runId, eventsAddress(runId), token);
  }, [runId]);

  useEffect(() => {
    if (threadId && store.cursor > 0) runMoved(client, threadId, status);
  }, [client, threadId, status, store]);

  useAnnouncements(run ? head : null);
  return { run, store, status };
}

/** Says boundaries aloud: the start, each tool, what needs a person, and the end. */
function useAnnouncements(head: RunView | null) {
  const line = head ? phaseOf(head) : null;
  const said = line && head ? sentence(line, head) : "";
  const before = useRef("");
  useEffect(() => {
    if (said && said !== before.current) announce(said);
    before.current = said;
  }, [said]);
}

function sentence(line: PhaseLine, head: RunView): string {
  if (needsYou(line.phase)) return `${line.label}: ${head.action?.prompt ?? ""}`;
  switch (line.phase) {
    case "queued":
      return "";
    case "completed":
      return `Answer ready, ${countWords(textOf(head.items))} words`;
    case "failed":
      return `Failed: ${head.error?.message ?? ""}`;
    case "starting":
    case "thinking":
    case "writing":
      return "Helium is answering";
    default:
      return line.label;
  }
}
