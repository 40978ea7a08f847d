"use client";

import { Glyph } from "@/components/glyph";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import type { Thread } from "@/lib/api/endpoints";
import { asProblem } from "@/lib/api/problem";
import { cx } from "@/lib/cx";
import { dayGroup } from "@/lib/format";
import { threadPath } from "@/lib/location";
import { useThreads } from "@/lib/queries";
import { phaseOfStatus } from "@/lib/run-phase";
import { onPlainClick } from "./plain-click";

type Props = { threadId: string | null; onLeave: () => void };

export function ThreadList({ threadId, onLeave }: Props) {
  const threads = useThreads();
  const rows = threads.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <div data-slot="thread-list" className="min-h-0 flex-1 overflow-y-auto px-2 pb-4">
      {groupByDay(rows).map(([day, group]) => (
        <section key={day} aria-label={day}>
          <h2 className="px-2 pt-3 pb-1 text-small text-text-3">{day}</h2>
          <ul>
            {group.map((thread) => (
              <ThreadRow
                key={thread.id}
                thread={thread}
                current={thread.id === threadId}
                onLeave={onLeave}
              />
            ))}
          </ul>
        </section>
      ))}
      {threads.hasNextPage && (
        <Button look="quiet" size="small" onClick={() => void threads.fetchNextPage()}>
          Show older
        </Button>
      )}
      {threads.isError && rows.length === 0 && (
        <div className="pt-2">
          <ProblemNote problem={asProblem(threads.error)}>
            <Button size="small" onClick={() => void threads.refetch()}>
              Try again
            </Button>
          </ProblemNote>
        </div>
      )}
    </div>
  );
}

type RowProps = { thread: Thread; current: boolean; onLeave: () => void };

function ThreadRow({ thread, current, onLeave }: RowProps) {
  const path = threadPath(thread.id);
  const line = thread.status === "idle" ? null : phaseOfStatus(thread.status);
  const shown = line && line.phase !== "completed" ? line : null;
  return (
    <li>
      <a
        href={path}
        aria-current={current ? "page" : undefined}
        onClick={(event) => onPlainClick(event, path, onLeave)}
        title={shown ? `${thread.title} (${shown.label})` : thread.title}
        className={cx(
          "flex h-9 items-center gap-2 rounded-control px-2 text-ui transition-colors duration-[120ms] hover:bg-hover",
          current ? "bg-hover font-medium text-text" : "text-text-2",
        )}
      >
        <span className="min-w-0 flex-1 truncate">{thread.title || "Untitled"}</span>
        {shown && <Glyph phase={shown.phase} />}
        {shown && <span className="sr-only">{shown.label}</span>}
      </a>
    </li>
  );
}

function groupByDay(threads: Thread[]): [string, Thread[]][] {
  const now = new Date();
  const groups = new Map<string, Thread[]>();
  for (const thread of threads) {
    const day = dayGroup(thread.updated_at, now);
    groups.set(day, [...(groups.get(day) ?? []), thread]);
  }
  return [...groups];
}
