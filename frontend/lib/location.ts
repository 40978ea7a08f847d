import { useSyncExternalStore } from "react";

export type Place = { screen: "home" } | { screen: "thread"; threadId: string };

export const HOME = "/";

const listeners = new Set<() => void>();

export function threadPath(threadId: string): string {
  return `/chat?id=${encodeURIComponent(threadId)}`;
}

/** Goes elsewhere without asking the server for a page: both screens are in every page. Ids
 * travel in the query, because the pages are static files. */
export function goTo(path: string, how: "push" | "replace" = "push"): void {
  if (how === "push") window.history.pushState(null, "", path);
  else window.history.replaceState(null, "", path);
  for (const listener of [...listeners]) listener();
}

/** Where the reader is. Read from the address itself: it changes at once, not in a transition. */
export function usePlace(): Place {
  const address = useSyncExternalStore(subscribe, readAddress, () => HOME);
  return placeOf(address);
}

export function placeOf(address: string): Place {
  const { pathname, searchParams } = new URL(address, "http://helium.invalid");
  const threadId = searchParams.get("id");
  if (pathname.startsWith("/chat") && threadId) return { screen: "thread", threadId };
  return { screen: "home" };
}

function readAddress(): string {
  return window.location.pathname + window.location.search;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}
