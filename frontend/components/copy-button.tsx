"use client";

import { useEffect, useState } from "react";
import { cx } from "@/lib/cx";
import { CheckIcon, CopyIcon } from "./icons";

export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);

  return (
    <button
      type="button"
      aria-label={copied ? "Copied" : label}
      title={label}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      className={cx(
        "flex size-7 items-center justify-center rounded-control text-text-3 transition-colors duration-[120ms] hover:bg-hover hover:text-text",
        className,
      )}
    >
      {copied ? <CheckIcon /> : <CopyIcon />}
    </button>
  );
}
