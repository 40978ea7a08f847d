import { useSyncExternalStore } from "react";
import { startRun, type Run } from "@/lib/api/endpoints";
import { asProblem, type Problem } from "@/lib/api/problem";
import { newKey } from "@/lib/ids";

/** A message on its way. `key` is its idempotency key: however often it is tried, one run. */
export type Letter = {
  key: string;
  threadId: string | null;
  text: string;
  state: "sending" | "failed" | "accepted";
  problem: Problem | null;
  /** The run that the server made of it: shown in its place as soon as it is loaded. */
  runId: string | null;
};

const KEPT = "helium.outbox";
const TRIES = 4;
const NONE: readonly Letter[] = [];

let letters: readonly Letter[] = NONE;
const listeners = new Set<() => void>();
const keyOfRun = new Map<string, string>();
const keyOfThread = new Map<string, string>();
let onAccepted: (letter: Letter, run: Run) => void = () => undefined;

/** Who puts an accepted run in its place. Called once, before the first send. */
export function whenAccepted(place: (letter: Letter, run: Run) => void): void {
  onAccepted = place;
}

export function useLetters(): readonly Letter[] {
  return useSyncExternalStore(subscribe, () => letters, () => NONE);
}

/** The key under which a run's message was shown before the server named the run. */
export function turnKey(runId: string): string {
  return keyOfRun.get(runId) ?? runId;
}

/** The same for a thread's screen: it is one screen before and after the thread has an id. */
export function screenKey(threadId: string): string {
  return keyOfThread.get(threadId) ?? threadId;
}

/** Sends once. A second call for the same new thread while one is under way changes nothing. */
export function sendMessage(threadId: string | null, text: string): void {
  const words = text.trim();
  if (!words) return;
  const twice = threadId === null && letters.some((letter) => letter.threadId === null);
  if (twice) return;
  const letter: Letter = {
    key: newKey(),
    threadId,
    text: words,
    state: "sending",
    problem: null,
    runId: null,
  };
  set([...letters, letter]);
  void deliver(letter);
}

export function retryLetter(key: string): void {
  const letter = letters.find((one) => one.key === key && one.state === "failed");
  if (!letter) return;
  change(key, { state: "sending", problem: null });
  void deliver(letter);
}

export function discardLetter(key: string): void {
  set(letters.filter((letter) => letter.key !== key));
}

/** After a reload: what was under way is sent again under its old key. */
export function resumeLetters(): void {
  const kept = readKept().filter((one) => !letters.some((letter) => letter.key === one.key));
  if (kept.length === 0) return;
  set([...letters, ...kept]);
  for (const letter of kept) if (letter.state === "sending") void deliver(letter);
}

async function deliver(letter: Letter): Promise<void> {
  const { threadId, text, key } = letter;
  const body = {
    input: text,
    when_busy: "enqueue" as const,
    ...(threadId ? { thread_id: threadId } : {}),
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const run = await startRun(body, key);
      keyOfRun.set(run.id, key);
      if (threadId === null) keyOfThread.set(run.thread_id, key);
      onAccepted(letter, run);
      return change(key, { state: "accepted", threadId: run.thread_id, runId: run.id });
    } catch (error) {
      const problem = asProblem(error);
      if (!problem.passing || attempt >= TRIES)
        return change(key, { state: "failed", problem });
      await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** attempt * Math.random()));
    }
  }
}

function change(key: string, facts: Partial<Letter>): void {
  set(letters.map((letter) => (letter.key === key ? { ...letter, ...facts } : letter)));
}

function set(next: readonly Letter[]): void {
  letters = next;
  const kept = next
    .filter((letter) => letter.state !== "accepted")
    .map(({ key, threadId, text, state }) => ({ key, threadId, text, state }));
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
  for (const listener of [...listeners]) listener();
}

function readKept(): Letter[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.map((one: Letter) => ({ ...one, problem: null, runId: null })) : [];
  } catch {
    return [];
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
