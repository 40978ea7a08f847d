"use client";

import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { SendIcon } from "@/components/icons";
import { Button } from "@/components/ui/button";
import { keepDraft, readDraft } from "@/lib/drafts";

type Props = {
  /** Where the draft is kept: a thread's id, or `new`. */
  place: string;
  /** A run is under way: what is sent now waits for its turn. */
  busy?: boolean;
  placeholder?: string;
  autoFocus?: boolean;
  /** The button that stops the run, beside Send. */
  stop?: ReactNode;
  onSend: (text: string) => void;
};

/** Where a message is written. Knows its own draft and whether a run is under way, no more: no
 * streamed text ever renders it again. */
export function Composer({ place, busy = false, placeholder, autoFocus, stop, onSend }: Props) {
  const [text, setText] = useState(() => readDraft(place));
  const field = useRef<HTMLTextAreaElement>(null);
  const unsent = useRef(text);

  useEffect(() => {
    if (autoFocus && matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, [autoFocus]);
  useLayoutEffect(() => grow(field.current), [text]);

  function write(next: string) {
    unsent.current = next;
    setText(next);
    keepDraft(place, next);
  }

  function send() {
    // Read and emptied in one go: the second press of a double-click finds nothing to send.
    const message = unsent.current.trim();
    if (!message) return;
    write("");
    onSend(message);
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Enter" || event.shiftKey) return;
    // 229 is the key code that Safari gives to the Enter that closes an input method.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (matchMedia("(pointer: coarse)").matches && !event.metaKey && !event.ctrlKey) return;
    event.preventDefault();
    send();
  }

  return (
    <div
      data-slot="composer"
      className="rounded-composer border border-line-strong bg-surface transition-colors duration-[120ms] focus-within:border-info"
    >
      <textarea
        ref={field}
        rows={1}
        value={text}
        onChange={(event) => write(event.target.value)}
        onKeyDown={onKeyDown}
        placeholder={placeholder ?? (busy ? "Write the next message" : "Message Helium")}
        aria-label="Message"
        enterKeyHint="enter"
        className="block max-h-[40vh] w-full resize-none bg-transparent px-4 pt-3.5 pb-1 text-input outline-none placeholder:text-text-3 md:text-body"
      />
      <div className="flex items-center justify-between gap-2 pr-2 pb-2 pl-4">
        <p className="text-small text-text-3 select-none">
          <span className="pointer-coarse:hidden">
            {busy ? "Enter queues it after this answer" : "Shift+Enter for a new line"}
          </span>
        </p>
        <span className="flex items-center gap-2">
          {stop}
          <Button
            look="primary"
            onClick={send}
            disabled={!text.trim()}
            className="pointer-coarse:h-11 pointer-coarse:px-5"
          >
            <SendIcon className="-ml-0.5" />
            {busy ? "Queue" : "Send"}
          </Button>
        </span>
      </div>
    </div>
  );
}

/** As tall as its text, up to the limit that the style sets. */
function grow(field: HTMLTextAreaElement | null) {
  if (!field) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
