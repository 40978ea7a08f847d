"use client";

import { useState } from "react";
import { Disclosure } from "@/components/disclosure";

/** What the model thought, closed until somebody wants to read it. */
export function ReasoningPart({ text, open }: { text: string; open: boolean }) {
  const [shown, setShown] = useState(false);
  if (!text) return null;
  return (
    <div data-slot="reasoning">
      <Disclosure open={shown} onToggle={() => setShown(!shown)}>
        <span className="text-text-2">{open ? "Thinking" : "Thought it through"}</span>
      </Disclosure>
      {shown && (
        <p className="mt-1 ml-[7px] border-l border-line py-1 pl-4 text-ui whitespace-pre-wrap text-text-2">
          {text}
        </p>
      )}
    </div>
  );
}
