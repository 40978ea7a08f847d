import type { MouseEvent } from "react";
import { goTo } from "@/lib/location";

/** A plain click goes there without a page load; with a modifier the browser does its own. */
export function onPlainClick(event: MouseEvent, path: string, then: () => void): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  goTo(path);
  then();
}
