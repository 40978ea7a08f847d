"use client";

import { useRef, useState, type ComponentProps, type ReactElement } from "react";
import { CheckIcon, CopyIcon } from "./icons";

/** A fenced block: its language, its text as it is, and a way to take it along. */
export function CodeBlock({ children }: ComponentProps<"pre"> & { node?: unknown }) {
  const code = useRef<HTMLPreElement>(null);
  const [copied, setCopied] = useState(false);
  const inner = children as ReactElement<{ className?: string }> | undefined;
  const language = /language-([\w+#-]+)/.exec(inner?.props?.className ?? "")?.[1] ?? "text";

  async function copy() {
    await navigator.clipboard.writeText((code.current?.textContent ?? "").replace(/\n$/, ""));
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  }

  return (
    <div data-slot="code-block" className="overflow-hidden rounded-card border border-line bg-sunken">
      <div className="flex h-8 items-center justify-between pr-1 pl-3 text-small text-text-3">
        <span className="font-mono">{language}</span>
        <button
          type="button"
          onClick={() => void copy()}
          className="flex h-7 items-center gap-1.5 rounded-control px-2 transition-colors duration-[120ms] hover:bg-hover hover:text-text"
        >
          {copied ? <CheckIcon /> : <CopyIcon />}
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
      <pre
        ref={code}
        className="overflow-x-auto px-3 pb-3 font-mono text-ui [font-variant-ligatures:none]"
      >
        {children}
      </pre>
    </div>
  );
}
