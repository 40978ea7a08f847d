"""The doorbell on Cloud Tasks."""

import asyncio
from collections import deque
from collections.abc import Sequence
from uuid import UUID

import structlog

from helium.adapters.cloud_tasks.messages import ring_body
from helium.adapters.cloud_tasks.queue import Message, PushQueue, QueueAway
from helium.kit.metrics import instruments as metrics
from helium.kit.outage import Outage

log = structlog.get_logger()
MOST_AT_ONCE = 20
WAIT_SECONDS = 0.1
CLOSE_SECONDS = 1.0
MOST_PENDING = 10_000


class _Ring:
    """One call of `ring`, until all of its messages are sent or lost."""

    def __init__(self, left: int) -> None:
        self.over = asyncio.Event()
        self._left = left

    def less(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.over.set()


class CloudTasksBell:
    """Makes one task for each run id, at most `most_at_once` of them at a time in this process.

    `ring` returns when Google has all of them, or after `wait_seconds`: what is left then is sent in the
    background, so that neither a thousand runs at once nor a slow Google hold up whoever rings. When
    Google stops answering, what is not sent is lost, which costs latency only (I8). From then on `ring`
    returns at once; one ring at a time tries in the background, until one succeeds.
    """

    def __init__(
        self, queue: PushQueue, *, most_at_once: int = MOST_AT_ONCE, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._queue = queue
        self._most = most_at_once
        self._wait_seconds = wait_seconds
        self._pending: deque[tuple[_Ring, Message]] = deque()
        self._senders: set[asyncio.Task[None]] = set()
        self._outage = Outage("bell")
        self._full = False
        self._published = metrics.BELLS.of("queue", "published")
        self._failed = metrics.BELLS.of("queue", "failed")
        self._dropped = metrics.BELLS.of("queue", "dropped")

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        if not run_ids:
            return
        if self._outage.on and self._sending():
            self._dropped.add(len(run_ids))
            return
        ring = _Ring(len(run_ids))
        for run_id in run_ids[: self._room(len(run_ids))]:
            self._pending.append((ring, Message(body=ring_body(run_id), delay_seconds=delay_seconds)))
        self._hire()
        if not self._outage.on:
            await self._sent(ring)

    async def close(self) -> None:
        """Give what is under way a second to be sent, and end."""
        if senders := self._sending():
            await asyncio.wait(senders, timeout=CLOSE_SECONDS)
            self._lose()
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    async def _sent(self, ring: _Ring) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await ring.over.wait()
        except TimeoutError:
            pass

    def _room(self, wanted: int) -> int:
        """How many of these may wait to be sent."""
        room = MOST_PENDING - len(self._pending)
        if wanted > room:
            self._dropped.add(wanted - room)
            if not self._full:
                log.warning("bell.lost", count=wanted - room, reason="backlog")
        self._full = wanted > room
        return room

    def _sending(self) -> set[asyncio.Task[None]]:
        self._senders = {sender for sender in self._senders if not sender.done()}
        return self._senders

    def _hire(self) -> None:
        most = 1 if self._outage.on else self._most
        for _ in range(min(most - len(self._sending()), len(self._pending))):
            self._senders.add(asyncio.create_task(self._send()))

    async def _send(self) -> None:
        """Send what is pending until nothing is, or the queue is away."""
        while self._pending:
            ring, message = self._pending.popleft()
            try:
                await self._queue.put(message)
            except QueueAway as error:
                self._lost(error)
                return
            finally:
                ring.less()
            self._taken()

    def _lost(self, error: QueueAway) -> None:
        self._failed.add()
        self._outage.failed(error)
        self._lose()

    def _lose(self) -> None:
        """Forget what is pending, and let those go who wait for it."""
        self._dropped.add(len(self._pending))
        for ring, _ in self._pending:
            ring.over.set()
        self._pending.clear()

    def _taken(self) -> None:
        self._published.add()
        if self._outage.on:
            self._outage.worked()
            self._hire()
