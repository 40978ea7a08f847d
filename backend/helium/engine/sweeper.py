"""The sweeper returns abandoned work to the queue, so that a lost bell or worker costs time only.

After an outage of the database every lease has expired although every worker lives. So the sweeper
takes nothing back before it has itself seen the database answer for a whole lease (A7): by then the
living have renewed.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog

from helium.engine.options import EngineOptions
from helium.kit.clock import Clock
from helium.kit.metrics import instruments as metrics
from helium.ports import Bell, RunStore

log = structlog.get_logger()
BATCH = 200
# A worker that looks by itself comes first; a queue that is behind is not to be filled with copies.
RING_AGAIN_AFTER_SECONDS = 5.0
RING_AGAIN_EVERY_SECONDS = 60.0
FORGET_EVERY_SECONDS = 3600.0


class Sweeper:
    """One per process is enough; any number is safe."""

    def __init__(
        self,
        store: RunStore,
        bell: Bell,
        clock: Clock,
        options: EngineOptions,
        connection_errors: tuple[type[BaseException], ...],
    ) -> None:
        self._store = store
        self._bell = bell
        self._clock = clock
        self._options = options
        self._connection_errors = connection_errors
        self._healthy_since: float | None = None
        self._last_wall: float | None = None
        self._forgot_at = float("-inf")

    async def serve(self) -> None:
        """Sweep until cancelled."""
        while True:
            await self.sweep()
            await self._clock.sleep(self._options.sweep_seconds)

    async def sweep(self) -> None:
        """One round: promote the waiting, requeue the abandoned, ring for the due."""
        now = self._clock.monotonic()
        if self._slept():
            self._healthy_since = None
        try:
            ready = list(await self._store.promote(BATCH))
            answered = self._clock.monotonic()
            # An answer that took long may have waited for a frozen database: that is an outage too.
            if self._healthy_since is None or answered - now > self._options.lease_ttl_seconds / 2:
                self._healthy_since = answered
            if answered - self._healthy_since >= self._options.lease_ttl_seconds:
                taken = await self._store.requeue_expired(BATCH)
                if taken:
                    log.warning("sweeper.requeued", runs=len(taken))
                    metrics.TAKEOVERS.of("expired").add(len(taken))
                ready.extend(taken)
            if self._options.queue_delivers:
                ready.extend(await self._undelivered())
                if ready:
                    await self._bell.ring(ready)
            elif ready or await self._store.due():
                await self._bell.ring(ready)
            if now - self._forgot_at > FORGET_EVERY_SECONDS:
                await self._store.forget_workers()
                self._forgot_at = now
        except self._connection_errors as error:
            self._healthy_since = None
            log.warning("sweeper.database_away", error=type(error).__name__)

    async def _undelivered(self) -> Sequence[UUID]:
        """Runs whose ring was lost, or waits in a queue that is behind: ringing twice does no harm."""
        seconds = self._options.claim_overdue_seconds or RING_AGAIN_AFTER_SECONDS
        return await self._store.overdue(2 * seconds, RING_AGAIN_EVERY_SECONDS, BATCH)

    def _slept(self) -> bool:
        """Whether this machine was suspended: like an outage, it expires every lease at once."""
        wall = self._clock.time()
        last, self._last_wall = self._last_wall, wall
        allowed = self._options.lease_ttl_seconds + self._options.sweep_seconds
        return last is not None and wall - last > allowed
