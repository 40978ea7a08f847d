"use client";

import { PlusIcon } from "@/components/icons";
import { Mark } from "@/components/mark";
import { HOME } from "@/lib/location";
import { onPlainClick } from "./plain-click";
import { ThemeSwitch } from "./theme-switch";
import { ThreadList } from "./thread-list";

type Props = { threadId: string | null; onLeave: () => void };

export function Sidebar({ threadId, onLeave }: Props) {
  return (
    <nav aria-label="Threads" className="flex min-h-0 flex-1 flex-col">
      <div className="flex h-12 shrink-0 items-center gap-2 px-4">
        <Mark />
        <span className="font-medium tracking-tight">Helium</span>
      </div>
      <div className="px-2 pb-2">
        <a
          href={HOME}
          aria-current={threadId === null ? "page" : undefined}
          onClick={(event) => onPlainClick(event, HOME, onLeave)}
          className="flex h-9 items-center gap-2 rounded-control px-2 text-ui font-medium transition-colors duration-[120ms] hover:bg-hover aria-[current]:bg-hover"
        >
          <PlusIcon className="text-text-2" />
          New
        </a>
      </div>
      <ThreadList threadId={threadId} onLeave={onLeave} />
      <div className="flex shrink-0 items-center justify-end border-t border-line p-2">
        <ThemeSwitch />
      </div>
    </nav>
  );
}
