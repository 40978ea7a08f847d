"use client";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Announcer } from "@/components/announcer";
import { Frame } from "@/components/frame";
import { TokenGate } from "@/features/access/token-gate";
import { Composer } from "@/features/composer/composer";
import { HomeView } from "@/features/home/home-view";
import { Sidebar } from "@/features/navigation/sidebar";
import { ThreadView } from "@/features/thread/thread-view";
import { asProblem } from "@/lib/api/problem";
import { moveDraft } from "@/lib/drafts";
import { goTo, placeOf, threadPath, usePlace, type Place } from "@/lib/location";
import { resumeLetters, screenKey, sendMessage, useLetters, whenAccepted } from "@/lib/outbox";
import { placeRun } from "@/lib/queries";
import { reportDefects } from "@/lib/report";
import { useAccess } from "@/lib/token";

function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        retry: (count, error) => asProblem(error).passing && count < 3,
      },
    },
  });
}

/** Both screens in one: the list on the left, and what the address names on the right. */
export function Workspace() {
  const [client] = useState(newQueryClient);
  useEffect(reportDefects, []);
  return (
    <QueryClientProvider client={client}>
      <Announcer />
      <Gate client={client} />
    </QueryClientProvider>
  );
}

function Gate({ client }: { client: QueryClient }) {
  const access = useAccess();
  if (access === "unknown") return <Frame />;
  if (access !== "present") return <TokenGate refused={access === "refused"} />;
  return <Screens client={client} />;
}

function Screens({ client }: { client: QueryClient }) {
  const place = usePlace();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    whenAccepted((letter, run) => {
      placeRun(client, run);
      if (letter.threadId !== null) return;
      moveDraft("new", run.thread_id);
      // Unless the reader went elsewhere meanwhile.
      if (placeOf(window.location.href).screen === "home")
        goTo(threadPath(run.thread_id), "replace");
    });
    resumeLetters();
  }, [client]);

  const threadId = place.screen === "thread" ? place.threadId : null;
  return (
    <Frame
      open={open}
      onClose={() => setOpen(false)}
      nav={<Sidebar threadId={threadId} onLeave={() => setOpen(false)} />}
    >
      <Screen place={place} onMenu={() => setOpen(true)} />
    </Frame>
  );
}

function Screen({ place, onMenu }: { place: Place; onMenu: () => void }) {
  const starting = useLetters().find((letter) => letter.threadId === null);
  const threadId = place.screen === "thread" ? place.threadId : null;
  // A new thread shows its first message at once, before the server has named it.
  if (threadId === null && !starting)
    return (
      <HomeView
        onMenu={onMenu}
        onStart={(task) => sendMessage(null, task)}
        composer={<Composer place="new" autoFocus onSend={(text) => sendMessage(null, text)} />}
      />
    );
  const key = threadId === null ? starting?.key : screenKey(threadId);
  return (
    <ThreadView
      key={key}
      threadId={threadId}
      onMenu={onMenu}
      composer={(busy, stop) => (
        <Composer
          place={threadId ?? "new"}
          busy={busy}
          autoFocus
          stop={stop}
          onSend={(text) => sendMessage(threadId, text)}
        />
      )}
    />
  );
}
