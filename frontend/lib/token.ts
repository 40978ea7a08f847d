import { useSyncExternalStore } from "react";

/** The owner's token: kept in this browser, sent as a bearer header, never part of an address. */
export const TOKEN_KEY = "helium.token";

export type Access = "unknown" | "missing" | "refused" | "present";

let refused: string | null = null;
const listeners = new Set<() => void>();

export function readToken(): string | null {
  try {
    return localStorage.getItem(TOKEN_KEY);
  } catch {
    return null;
  }
}

export function keepToken(token: string): void {
  localStorage.setItem(TOKEN_KEY, token.trim());
  refused = null;
  tell();
}

/** The server did not accept this token: ask for another one, unless it was already changed. */
export function refuseToken(token: string | null): void {
  if (token !== readToken()) return;
  refused = token;
  tell();
}

export function readAccess(): Access {
  const token = readToken();
  if (!token) return "missing";
  return token === refused ? "refused" : "present";
}

export function useAccess(): Access {
  return useSyncExternalStore(subscribe, readAccess, () => "unknown");
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

function tell(): void {
  for (const listener of [...listeners]) listener();
}
