"use client";

import { useState, type FormEvent } from "react";
import { Mark } from "@/components/mark";
import { Button } from "@/components/ui/button";
import { keepToken } from "@/lib/token";

/** Asks for the owner's token: one sentence and one field. */
export function TokenGate({ refused }: { refused: boolean }) {
  const [token, setToken] = useState("");

  function submit(event: FormEvent) {
    event.preventDefault();
    if (token.trim()) keepToken(token);
  }

  return (
    <main className="fixed inset-0 flex items-center justify-center p-6">
      <form onSubmit={submit} className="w-full max-w-96">
        <Mark className="size-8" />
        <label htmlFor="token" className="mt-6 block text-h1 font-medium">
          Run <code className="font-mono text-input">helium token</code> and paste it here
        </label>
        <div className="mt-4 flex gap-2">
          <input
            id="token"
            type="password"
            autoComplete="off"
            spellCheck={false}
            placeholder="hel_…"
            value={token}
            onChange={(event) => setToken(event.target.value)}
            aria-invalid={refused}
            aria-describedby={refused ? "token-refused" : undefined}
            className="h-10 min-w-0 flex-1 rounded-control border border-line-strong bg-surface px-3 font-mono text-input placeholder:text-text-3"
          />
          <Button type="submit" look="primary" className="h-10 px-4" disabled={!token.trim()}>
            Open
          </Button>
        </div>
        {refused && (
          <p id="token-refused" role="alert" className="mt-3 text-ui text-danger">
            The server did not accept the last token.
          </p>
        )}
      </form>
    </main>
  );
}
