"use client";

import { useEffect, useState } from "react";
import { onAnnounce } from "@/lib/announce";

/** The page's one live region. */
export function Announcer() {
  const [text, setText] = useState("");
  useEffect(() => onAnnounce(setText), []);
  return (
    <div role="status" aria-live="polite" className="sr-only">
      {text}
    </div>
  );
}
