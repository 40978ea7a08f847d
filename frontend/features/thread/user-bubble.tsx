/** What a person wrote: on the right, in a sunken bubble, exactly as typed. */
export function UserBubble({ text, dim = false }: { text: string; dim?: boolean }) {
  return (
    <div className="flex justify-end">
      <div
        data-slot="user-bubble"
        className={`max-w-[85%] rounded-card border border-line bg-sunken px-4 py-2.5 whitespace-pre-wrap [overflow-wrap:anywhere] ${dim ? "text-text-2" : ""}`}
      >
        {text}
      </div>
    </div>
  );
}
