import type { Receipt } from "@/lib/stream/view";
import { CheckIcon, CrossIcon } from "@/components/icons";

const WORDS: Record<string, string> = {
  approve: "You approved this",
  deny: "You denied this",
  answer: "You answered",
  done: "You said that it happened",
  repeat: "You asked to do it again",
};

/** A decision, kept where it was made. */
export function ReceiptLine({ receipt, answer }: { receipt: Receipt; answer: string }) {
  const denied = receipt.decision === "deny";
  return (
    <p data-slot="receipt" className="flex items-start gap-2 px-3 text-ui text-text-2">
      <span className="flex h-5 items-center text-text-3">
        {denied ? <CrossIcon /> : <CheckIcon />}
      </span>
      <span>
        {WORDS[receipt.decision] ?? "You decided"}
        {receipt.action.kind === "question" && answer && `: ${answer}`}
      </span>
    </p>
  );
}
