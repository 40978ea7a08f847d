"use client";

import { MenuButton } from "@/components/menu-button";
import { ChevronIcon } from "@/components/icons";
import { SpectrumRule } from "@/components/mark";
import type { ReactNode } from "react";

export const STARTERS = [
  { task: "calculate 6 * 7", shows: "Uses a tool" },
  { task: "what time is it in Tokyo", shows: "Uses a tool" },
  { task: "save a note: buy milk", shows: "Takes effect once" },
  { task: "list my notes", shows: "Reads them back" },
  { task: "count from 1 to 40 slowly", shows: "Reload while it runs" },
  { task: "ask me before you save a note: call Ann", shows: "Waits for you" },
];

type Props = { composer: ReactNode; onStart: (task: string) => void; onMenu: () => void };

/** The first screen: a place to write, and tasks that are known to work. */
export function HomeView({ composer, onStart, onMenu }: Props) {
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex h-12 shrink-0 items-center px-2 md:hidden">
        <MenuButton onClick={onMenu} />
      </div>
      <div className="flex min-h-0 flex-1 overflow-y-auto px-4 pb-12">
        <div className="m-auto w-full max-w-column">
          <SpectrumRule />
          <h1 className="mt-6 text-hero font-medium tracking-tight">What should run?</h1>
          <p className="mt-1 text-text-2">
            It keeps going when you close this page, and when the machine restarts.
          </p>
          <div className="mt-6">{composer}</div>
          <h2 className="mt-8 mb-2 text-small text-text-3">Try one of these</h2>
          <ul className="grid gap-2 sm:grid-cols-2">
            {STARTERS.map(({ task, shows }) => (
              <li key={task}>
                <button
                  type="button"
                  onClick={() => onStart(task)}
                  className="group flex min-h-11 w-full items-center gap-3 rounded-card border border-line bg-surface px-3.5 py-2.5 text-left transition-colors duration-[120ms] hover:border-line-strong"
                >
                  <span className="min-w-0 flex-1">
                    <span className="block text-ui font-medium text-text">{task}</span>
                    <span className="block text-small text-text-3">{shows}</span>
                  </span>
                  <ChevronIcon className="shrink-0 text-text-3 opacity-0 transition-opacity group-hover:opacity-100 group-focus-visible:opacity-100" />
                </button>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </div>
  );
}
