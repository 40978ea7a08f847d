"use client";

import { useMutation } from "@tanstack/react-query";
import { StopIcon } from "@/components/icons";
import { Button } from "@/components/ui/button";
import { cancelRun, type Run } from "@/lib/api/endpoints";
import { asProblem } from "@/lib/api/problem";
import type { RunStore } from "@/lib/stream/store";
import { useRun } from "@/lib/stream/use-run";

/** Stops the run. Says so at once; the text so far stays. */
export function StopButton({ run, store }: { run: Run; store: RunStore }) {
  const { extra } = useRun(store, "head", store.head);
  const stop = useMutation({ mutationFn: () => cancelRun(run.id) });
  const stopping = stop.isPending || stop.isSuccess || extra.stopping;
  return (
    <span className="flex items-center gap-2">
      {stop.isError && (
        <span role="alert" className="text-small text-danger">
          {asProblem(stop.error).title}. Try again.
        </span>
      )}
      <Button onClick={() => stop.mutate()} disabled={stopping} className="pointer-coarse:h-11">
        <StopIcon className="-ml-1" />
        {stopping ? "Stopping…" : "Stop"}
      </Button>
    </span>
  );
}
