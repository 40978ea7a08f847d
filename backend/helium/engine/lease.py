"""Keeping a worker's lease: one row for all its runs, renewed from a thread of its own (A3, A7, A8).

The thread has its own event loop and its own connection, so a blocked loop loses no lease. A loop
that is stuck for good does lose it: the thread watches whether the loop still turns.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import structlog

from helium.kit.clock import Clock
from helium.kit.metrics import instruments as metrics
from helium.ports import RunStore

log = structlog.get_logger()
OpenStore = Callable[[], AbstractAsyncContextManager[RunStore]]

# An effect may start until this share of the lease has passed since the last renewal began (A3).
SAFE_SHARE = 0.6


class Lease:
    """What the loop knows about its own lease. Written by the keeper, read by the loop."""

    def __init__(self, worker_id: UUID, ttl_seconds: float) -> None:
        self.worker_id = worker_id
        self.ttl_seconds = ttl_seconds
        self.renewed_at = float("-inf")
        """Monotonic time at which the last successful renewal was sent."""
        self.loop_turned_at = float("-inf")

    def fresh(self, now: float) -> bool:
        """Whether the lease surely still holds, with a margin, at monotonic time `now`."""
        return now < self.renewed_at + SAFE_SHARE * self.ttl_seconds


class LeaseKeeper:
    """The thread that renews a worker's lease and looks for cancelled runs."""

    def __init__(
        self,
        lease: Lease,
        open_store: OpenStore,
        connection_errors: tuple[type[BaseException], ...],
        *,
        stuck_loop_seconds: float,
        on_cancels: Callable[[Sequence[UUID]], None],
    ) -> None:
        self._lease = lease
        self._open_store = open_store
        self._connection_errors = connection_errors
        self._stuck_loop_seconds = stuck_loop_seconds
        self._on_cancels = on_cancels
        self._loop = asyncio.get_running_loop()
        self._own_loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="helium-lease", daemon=True)

    def start(self) -> None:
        self._lease.loop_turned_at = time.monotonic()
        self._thread.start()

    async def stop(self) -> None:
        """Renew no more. Returns when the thread has ended, after one renewal at most."""
        self._own_loop.call_soon_threadsafe(self._stopped.set)
        await asyncio.to_thread(self._thread.join, self._lease.ttl_seconds * 2)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._own_loop) as runner:
            runner.run(self._keep())

    async def _keep(self) -> None:
        pause = 0.0
        while not self._stopped.is_set():
            try:
                async with self._open_store() as store:
                    while not await self._stops_within(pause):
                        await self._renew(store)
                        pause = self._lease.ttl_seconds / 3
            except self._connection_errors as error:
                log.warning("lease.renewal_failed", error=type(error).__name__)
                metrics.RENEWAL_FAILURES.of().add()
                pause = min(0.2, self._lease.ttl_seconds / 3)
                await self._stops_within(pause)

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True

    async def _renew(self, store: RunStore) -> None:
        now = time.monotonic()
        if now - self._lease.loop_turned_at > self._stuck_loop_seconds:
            log.error("lease.loop_stuck", seconds=round(now - self._lease.loop_turned_at))
        else:
            await store.renew(self._lease.worker_id, self._lease.ttl_seconds)
            self._lease.renewed_at = now
        cancels = await store.cancels(self._lease.worker_id)
        self._loop.call_soon_threadsafe(self._tell, now, cancels)

    def _tell(self, sent_at: float, cancels: Sequence[UUID]) -> None:
        """Runs in the worker's loop: that it runs at all is what is being measured."""
        self._lease.loop_turned_at = time.monotonic()
        if cancels:
            self._on_cancels(cancels)


async def wait_until_fresh(lease: Lease, clock: Clock) -> None:
    """Wait until the lease surely holds, before an effect begins."""
    while not lease.fresh(clock.monotonic()):
        await clock.sleep(lease.ttl_seconds / 20)
