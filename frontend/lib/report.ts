import { apiAddress } from "@/lib/api/address";
import { readToken } from "@/lib/token";

/** Tells the server of the page's own defects: the kind of an error and places in our files, never its
 * text, which may quote a person. Where nobody collects them the server says so once, and that is all. */
const PATH = "/api/page-errors";
const MOST_REPORTS = 5;
const MOST_FRAMES = 30;

export type Frame = { function: string; file: string; line: number; column: number };
export type Report = { kind: string; where: "home" | "chat" | "other"; frames: Frame[] };

let left = MOST_REPORTS;
const told = new Set<string>();

/** Listens until the page is closed. What it gives stops it. */
export function reportDefects(): () => void {
  const onError = (event: ErrorEvent) => report(event.error);
  const onRejection = (event: PromiseRejectionEvent) => report(event.reason);
  window.addEventListener("error", onError);
  window.addEventListener("unhandledrejection", onRejection);
  return () => {
    window.removeEventListener("error", onError);
    window.removeEventListener("unhandledrejection", onRejection);
  };
}

/** For tests: as if the page had just been opened. */
export function forgetReports(): void {
  left = MOST_REPORTS;
  told.clear();
}

function report(error: unknown): void {
  const token = readToken();
  if (!(error instanceof Error) || error.name === "AbortError" || !token) return;
  const body = JSON.stringify(reportOf(error, window.location));
  if (left <= 0 || told.has(body)) return;
  left -= 1;
  told.add(body);
  void send(body, token);
}

async function send(body: string, token: string): Promise<void> {
  try {
    const answer = await fetch(apiAddress(PATH), {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body,
      keepalive: true,
    });
    if (!answer.ok) left = 0;
  } catch {
    // Offline: a report is not worth a second try.
  }
}

export function reportOf(error: Error, place: { pathname: string; origin: string }): Report {
  const frames = (error.stack ?? "").split("\n").flatMap((line) => frameOf(line, place.origin));
  return {
    kind: word(error.name),
    where: place.pathname === "/" ? "home" : place.pathname === "/chat" ? "chat" : "other",
    frames: frames.slice(0, MOST_FRAMES),
  };
}

const CHROMIUM = /^\s*at (?:async )?(?:(.*?) \()?(\S+?):(\d+):(\d+)\)?$/;
const OTHERS = /^(.*?)@(\S+?):(\d+):(\d+)$/;

/** A line of a stack, as one of two families of browsers writes it; nothing for any other line. */
function frameOf(line: string, origin: string): Frame[] {
  const found = CHROMIUM.exec(line) ?? OTHERS.exec(line);
  if (!found) return [];
  const [, name = "", address = "", row = "0", column = "0"] = found;
  const own = address.startsWith(`${origin}/`) ? address.slice(origin.length).split(/[?#]/)[0] : "";
  return [
    { function: word(name), file: path(own ?? ""), line: Number(row), column: Number(column) },
  ];
}

function word(text: string): string {
  return text.replace(/[^A-Za-z0-9_$.<>[\] ]/g, "").slice(0, 80);
}

function path(text: string): string {
  return /^(\/[A-Za-z0-9_.~-]+)*$/.test(text) && text.length <= 200 ? text : "";
}
