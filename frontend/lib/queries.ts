"use client";

import {
  useInfiniteQuery,
  useQuery,
  type InfiniteData,
  type QueryClient,
} from "@tanstack/react-query";
import { listRuns, listThreads, type Run, type Thread, type ThreadPage } from "@/lib/api/endpoints";
import { isFinal } from "@/lib/stream/view";

const THREADS = ["threads"] as const;
const runsOf = (threadId: string) => ["runs", threadId] as const;

function isBusy(thread: Thread): boolean {
  return thread.status === "queued" || thread.status === "in_progress";
}

/** The list of threads. Asked again while one of them works; otherwise only on return. */
export function useThreads() {
  return useInfiniteQuery({
    queryKey: THREADS,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => listThreads(pageParam, signal),
    getNextPageParam: (page: ThreadPage) => page.next_cursor ?? undefined,
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) => page.data.some(isBusy)) ? 3_000 : false,
    refetchOnWindowFocus: "always",
  });
}

/** The title of a thread, if the list knows it. */
export function useThreadTitle(threadId: string | null): string {
  const threads = useThreads();
  const rows = threads.data?.pages.flatMap((page) => page.data) ?? [];
  return rows.find((thread) => thread.id === threadId)?.title ?? "";
}

/** A thread's runs, oldest first. Running ones are followed by their events, not by this. */
export function useRuns(threadId: string | null) {
  return useQuery({
    queryKey: runsOf(threadId ?? ""),
    queryFn: ({ signal }) => listRuns(threadId ?? "", signal),
    enabled: threadId !== null,
    refetchOnWindowFocus: "always",
  });
}

/** Puts a run that the server just accepted where its thread is shown. */
export function placeRun(client: QueryClient, run: Run): void {
  const runs = client.getQueryData<Run[]>(runsOf(run.thread_id)) ?? [];
  const others = runs.filter((other) => other.id !== run.id);
  client.setQueryData<Run[]>(runsOf(run.thread_id), [...others, run]);
  void client.invalidateQueries({ queryKey: THREADS });
}

/** A run moved on: the list's signs and the next run in line may have changed. */
export function runMoved(client: QueryClient, threadId: string, status: Thread["status"]): void {
  client.setQueryData<InfiniteData<ThreadPage>>(THREADS, (known) => {
    if (!known) return known;
    const pages = known.pages.map((page) => ({
      ...page,
      data: page.data.map((one) => (one.id === threadId ? { ...one, status } : one)),
    }));
    return { ...known, pages };
  });
  if (isFinal(status)) {
    void client.invalidateQueries({ queryKey: runsOf(threadId) });
    void client.invalidateQueries({ queryKey: THREADS });
  }
}
