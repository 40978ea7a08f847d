"""Accepting runs: many at once in one transaction, then the bell (I1, I8)."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from helium.core.events import LoggedEvent, RunQueued
from helium.engine.tail import EventHub
from helium.kit import trace
from helium.kit.group import GroupCommit
from helium.ports import Bell, Committed, NewRun, RunStore

Started = Committed | UUID


class RunStarter:
    """Starts runs. While one group is being committed, the next gathers."""

    def __init__(self, store: RunStore, bell: Bell, hub: EventHub) -> None:
        self._store = store
        self._bell = bell
        self._hub = hub
        self._group: GroupCommit[NewRun, Started] = GroupCommit(self._flush, limit=2000)
        self._accepted: list[UUID] = []
        self._to_ring = asyncio.Event()

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._group.serve())
            group.create_task(self._ring())

    async def start(self, new: NewRun) -> Started:
        """Accept a run. When this returns, it is durable and a worker is being told.

        The UUID of an earlier run comes back instead if this idempotency key started it. Raises
        `ThreadBusy`, `NotFound` (the thread), `IdempotencyMismatch`, `TooManyRuns`.
        """
        with trace.span(
            "accept",
            run_id=new.id,
            thread_id=new.thread_id,
            workspace_id=new.workspace_id,
            agent=new.spec.agent,
        ) as span:
            started = await self._group.submit(new)
            if isinstance(started, UUID):
                span.drop()
            return started

    async def _flush(self, runs: Sequence[NewRun]) -> Sequence[Started | BaseException]:
        results = await self._store.start(runs)
        accepted: list[UUID] = []
        for new, result in zip(runs, results, strict=True):
            if isinstance(result, Committed):
                accepted.append(new.id)
                event = RunQueued(agent=new.spec.agent, model=new.spec.model)
                first = LoggedEvent(seq=1, event=event, created_at=result.created_at)
                self._hub.publish(new.id, [first])
        if accepted:
            self._accepted.extend(accepted)
            self._to_ring.set()
        return results

    async def _ring(self) -> None:
        """Beside the accepting: nobody waits for a queue that is slow, or away, to be told that their
        run is safe. While one ring is under way the next gathers."""
        while True:
            await self._to_ring.wait()
            self._to_ring.clear()
            accepted, self._accepted = self._accepted, []
            await self._bell.ring(accepted)
