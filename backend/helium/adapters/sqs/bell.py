"""The bell on SQS: while one group of messages is being sent, the next one gathers."""

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from helium.adapters.sqs.queue import LONGEST_DELAY_SECONDS, Letter, SqsQueue
from helium.kit.group import GroupCommit
from helium.kit.metrics import instruments as metrics
from helium.kit.outage import Outage

log = structlog.get_logger()
GROUP = 100
"""Messages of one group: ten requests of ten, at once."""
BUFFER = 10_000
PATIENCE_SECONDS = 2.0
"""How long a ring, and the end of the bell, wait for the messages to be sent."""


class SqsBell:
    """Sends run ids to the queue. Made by `open_bell`.

    A delay is rounded up to whole seconds and ends at 15 minutes, which is all that SQS keeps: a run
    that is due later is found early, and refused again until it is due.
    """

    def __init__(self, queue: SqsQueue, *, buffer: int = BUFFER) -> None:
        self._queue = queue
        self._buffer = buffer
        self._group = GroupCommit[Letter, None](self._send, limit=GROUP)
        self._pending: set[asyncio.Future[None]] = set()
        self._outage = Outage("bell")
        self._full = False
        self._published = metrics.BELLS.of("queue", "published")
        self._failed = metrics.BELLS.of("queue", "failed")
        self._dropped = metrics.BELLS.of("queue", "dropped")

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        """The messages are in the queue on return, unless SQS is slow or away: then they are sent
        later, or, when too many of them wait, never."""
        delay = min(math.ceil(max(delay_seconds, 0.0)), LONGEST_DELAY_SECONDS)
        room = max(self._buffer - self._group.backlog, 0)
        self._lose(len(run_ids) - room)
        rung = [self._submit(Letter(body=str(run_id), delay_seconds=delay)) for run_id in run_ids[:room]]
        if rung and not self._outage.on:
            await asyncio.wait(rung, timeout=PATIENCE_SECONDS)

    async def serve(self) -> None:
        """Send what was rung, until cancelled."""
        await self._group.serve()

    async def settle(self) -> None:
        """Wait a little for what was rung to be sent."""
        if self._pending:
            await asyncio.wait(self._pending, timeout=PATIENCE_SECONDS)

    def _lose(self, count: int) -> None:
        """So many do not fit; told once, until there is room again."""
        if count > 0:
            self._dropped.add(count)
            if not self._full:
                log.warning("bell.lost", count=count, reason="backlog")
        self._full = count > 0

    def _submit(self, letter: Letter) -> asyncio.Future[None]:
        future = self._group.submit(letter)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    async def _send(self, letters: Sequence[Letter]) -> list[None]:
        failures = [result for result in await self._queue.send(letters) if result is not None]
        self._failed.add(len(failures))
        self._published.add(len(letters) - len(failures))
        if failures:
            self._outage.failed(failures[0], len(failures))
        else:
            self._outage.worked()
        return [None] * len(letters)


@asynccontextmanager
async def open_bell(queue: SqsQueue, *, buffer: int = BUFFER) -> AsyncGenerator[SqsBell]:
    """A bell until the end of the block, which waits a little for its last messages."""
    bell = SqsBell(queue, buffer=buffer)
    sending = asyncio.create_task(bell.serve())
    try:
        yield bell
    finally:
        await bell.settle()
        sending.cancel()
        await asyncio.wait({sending})
