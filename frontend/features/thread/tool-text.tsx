import { CopyButton } from "@/components/copy-button";
import { prettyText } from "@/lib/tool-words";

/** A tool's exact input or output. */
export function ToolText({ label, text }: { label: string; text: string }) {
  return (
    <div data-slot="tool-text">
      <div className="mb-1 flex items-center justify-between">
        <p className="text-small font-medium text-text-2">{label}</p>
        <CopyButton text={text} label={`Copy ${label.toLowerCase()}`} />
      </div>
      <pre className="max-h-72 overflow-auto rounded-control bg-sunken px-3 py-2 font-mono text-small whitespace-pre-wrap [overflow-wrap:anywhere]">
        {prettyText(text)}
      </pre>
    </div>
  );
}
