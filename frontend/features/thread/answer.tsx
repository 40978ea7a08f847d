"use client";

import { Fragment, memo } from "react";
import type { Run } from "@/lib/api/endpoints";
import { messageRefusal, messageText } from "@/lib/stream/items";
import type { RunStore } from "@/lib/stream/store";
import { useRun } from "@/lib/stream/use-run";
import { isFinal } from "@/lib/stream/view";
import { ActionCard } from "./action-card";
import { AnswerText } from "./answer-text";
import { ReasoningPart } from "./reasoning-part";
import { ReceiptLine } from "./receipt-line";
import { ToolCard } from "./tool-card";

type Props = { run: Run; store: RunStore };

/** The answer's items in order, with decisions where they were made. */
export function Answer({ run, store }: Props) {
  const ids = useRun(store, "ids", store.ids);
  const head = useRun(store, "head", store.head);
  const ended = isFinal(head.status);
  const results = new Map<string, string>();
  for (const id of ids) {
    const item = store.item(id);
    if (item?.type === "tool_result") results.set(item.call_id, id);
  }
  return (
    <div data-slot="answer" className="flex flex-col gap-3">
      {ids.map((id) => {
        const item = store.item(id);
        // What waits for approval is shown once: by its card, with the buttons.
        if (item?.type === "tool_call" && item.call_id === head.action?.call_id) return null;
        const resultId = item?.type === "tool_call" ? results.get(item.call_id) : undefined;
        return (
          <Fragment key={id}>
            <AnswerItem store={store} id={id} resultId={resultId} ended={ended} />
            {head.extra.receipts
              .filter((receipt) => receipt.after === id)
              .map((receipt) => (
                <ReceiptLine
                  key={receipt.action.id}
                  receipt={receipt}
                  answer={outputOf(store, results.get(receipt.action.call_id ?? ""))}
                />
              ))}
          </Fragment>
        );
      })}
      {head.action && <ActionCard key={head.action.id} run={run} action={head.action} />}
    </div>
  );
}

function outputOf(store: RunStore, resultId: string | undefined): string {
  const item = resultId ? store.item(resultId) : undefined;
  return item?.type === "tool_result" ? item.output : "";
}

type ItemProps = { store: RunStore; id: string; resultId: string | undefined; ended: boolean };

/** One item. Subscribed to itself alone: another item's text does not render it again. */
const AnswerItem = memo(function AnswerItem({ store, id, resultId, ended }: ItemProps) {
  const item = useRun(store, `item:${id}`, () => store.item(id));
  if (!item) return null;
  const open = !ended && "status" in item && item.status === "in_progress";
  switch (item.type) {
    case "message":
      return (
        <AnswerText text={messageText(item)} refusal={messageRefusal(item)} open={open} />
      );
    case "reasoning":
      return <ReasoningPart text={item.text ?? ""} open={open} />;
    case "tool_call":
      return <ToolCard store={store} call={item} resultId={resultId} ended={ended} />;
    case "tool_result":
      return null; // shown in its call's card
    default:
      return unknownItem(item);
  }
});

/** A newer server may know items that this page does not. */
function unknownItem(_item: never) {
  return null;
}
