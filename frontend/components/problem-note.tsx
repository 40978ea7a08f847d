import type { ReactNode } from "react";
import type { Problem } from "@/lib/api/problem";
import { AlertIcon } from "./icons";

/** An error where it happened: what, why, what to do, and an id to quote. */
export function ProblemNote({ problem, children }: { problem: Problem; children?: ReactNode }) {
  return (
    <Note title={problem.title} why={problem.detail} advice={problem.advice}
      code={problem.code} id={problem.requestId}>
      {children}
    </Note>
  );
}

type NoteProps = {
  title: string;
  why?: string;
  advice?: string;
  code?: string;
  id?: string;
  children?: ReactNode;
};

export function Note({ title, why, advice, code, id, children }: NoteProps) {
  return (
    <div
      data-slot="problem"
      className="rounded-card border border-line bg-surface px-4 py-3 text-ui"
    >
      <p className="flex items-center gap-2 font-medium text-text">
        <AlertIcon className="shrink-0 text-danger" />
        {title}
      </p>
      {why && why !== title && <p className="mt-1 text-text-2">{why}</p>}
      {advice && <p className="mt-1 text-text-2">{advice}</p>}
      {(children || code || id) && (
        <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-2">
          {children}
          <p className="font-mono text-small break-all text-text-3 select-all">
            {[code, id].filter(Boolean).join(" · ")}
          </p>
        </div>
      )}
    </div>
  );
}
