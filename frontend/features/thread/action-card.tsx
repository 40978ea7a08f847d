"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type FormEvent } from "react";
import { Glyph } from "@/components/glyph";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { decide, type Decision, type Run } from "@/lib/api/endpoints";
import { asProblem } from "@/lib/api/problem";
import { newKey } from "@/lib/ids";
import { placeRun } from "@/lib/queries";
import type { Phase } from "@/lib/run-phase";
import type { Action } from "@/lib/stream/view";
import { choicesOf } from "@/lib/tool-words";
import { ToolText } from "./tool-text";

const TITLES: Record<Action["kind"], { phase: Phase; title: string }> = {
  approval: { phase: "needs_approval", title: "Needs your approval" },
  question: { phase: "asks_you", title: "Asks you" },
  in_doubt: { phase: "in_doubt", title: "Not sure if this happened" },
};

/** What a run waits for, and the buttons that decide it. The first decision wins. */
export function ActionCard({ run, action }: { run: Run; action: Action }) {
  const client = useQueryClient();
  const key = useRef("");
  const decision = useMutation({
    mutationFn: (made: Decision) => {
      key.current ||= newKey();
      return decide(run.id, action.id, made, key.current);
    },
    onError: () => (key.current = ""),
    onSuccess: (answer) => placeRun(client, answer),
  });
  const busy = decision.isPending || decision.isSuccess;
  const { phase, title } = TITLES[action.kind];
  return (
    <section
      data-slot="action-card"
      aria-label={title}
      className="rounded-card border border-line-strong bg-surface px-4 py-3"
    >
      <h3 className="flex items-center gap-2 text-ui font-medium text-live">
        <Glyph phase={phase} />
        {title}
      </h3>
      <p className="mt-1.5 whitespace-pre-wrap">{action.prompt}</p>
      {action.arguments && action.kind !== "question" && (
        <div className="mt-2">
          <ToolText label={action.tool ?? "Input"} text={action.arguments} />
        </div>
      )}
      <div className="mt-3">
        <Choices action={action} busy={busy} onDecide={(made) => decision.mutate(made)} />
      </div>
      {decision.isError && (
        <div className="mt-3">
          <ProblemNote problem={asProblem(decision.error)} />
        </div>
      )}
    </section>
  );
}

type ChoiceProps = { action: Action; busy: boolean; onDecide: (decision: Decision) => void };

type Choice = { label: string; decision: Decision };

const CHOICES: Record<Exclude<Action["kind"], "question">, Choice[]> = {
  approval: [
    { label: "Approve", decision: { decision: "approve" } },
    { label: "Deny", decision: { decision: "deny" } },
  ],
  in_doubt: [
    { label: "It happened", decision: { decision: "done" } },
    { label: "Do it again", decision: { decision: "repeat" } },
    { label: "Leave it", decision: { decision: "deny" } },
  ],
};

function Choices({ action, busy, onDecide }: ChoiceProps) {
  const question = action.kind === "question";
  const choices: Choice[] =
    action.kind === "question" ? offered(action) : CHOICES[action.kind];
  return (
    <div className="flex flex-col gap-3">
      {choices.length > 0 && (
        <div className="flex flex-wrap gap-2">
          {choices.map(({ label, decision }, place) => (
            <Button
              key={label}
              look={action.kind === "approval" && place === 0 ? "primary" : "outline"}
              disabled={busy}
              onClick={() => onDecide(decision)}
              className="pointer-coarse:h-11"
            >
              {label}
            </Button>
          ))}
        </div>
      )}
      {question && <AnswerForm busy={busy} onDecide={onDecide} />}
    </div>
  );
}

function offered(action: Action): Choice[] {
  return choicesOf(action.arguments).map((answer) => ({
    label: answer,
    decision: { decision: "answer", answer },
  }));
}

function AnswerForm({ busy, onDecide }: Omit<ChoiceProps, "action">) {
  const [answer, setAnswer] = useState("");
  function submit(event: FormEvent) {
    event.preventDefault();
    if (answer.trim()) onDecide({ decision: "answer", answer: answer.trim() });
  }
  return (
    <form onSubmit={submit} className="flex gap-2">
      <input
        aria-label="Your answer"
        placeholder="Your answer"
        value={answer}
        onChange={(event) => setAnswer(event.target.value)}
        className="h-9 min-w-0 flex-1 rounded-control border border-line-strong bg-surface px-3 text-input placeholder:text-text-3 md:text-body"
      />
      <Button type="submit" look="primary" className="h-9" disabled={busy || !answer.trim()}>
        Answer
      </Button>
    </form>
  );
}
