import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark" | "system";

const KEY = "helium.theme";
const listeners = new Set<() => void>();

export function readTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  paint();
  for (const listener of [...listeners]) listener();
}

function paint(): void {
  const theme = readTheme();
  const dark = theme === "dark" || (theme === "system" && prefersDark().matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

function prefersDark(): MediaQueryList {
  return matchMedia("(prefers-color-scheme: dark)");
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, readTheme, () => "system");
}

function subscribe(listener: () => void): () => void {
  const system = prefersDark();
  listeners.add(listener);
  system.addEventListener("change", paint);
  return () => {
    listeners.delete(listener);
    system.removeEventListener("change", paint);
  };
}
