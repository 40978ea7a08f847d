"use client";

import { useEffect, useState } from "react";
import { formatSeconds } from "@/lib/format";

/** Seconds since a moment, counted once a second while it is on screen. */
export function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.floor((now - since) / 1000);
  if (since === 0 || seconds < 1) return null;
  return <span className="tabular-nums">{formatSeconds(seconds).replace(/\.0 s$/, " s")}</span>;
}
