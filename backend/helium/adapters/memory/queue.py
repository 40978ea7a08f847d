"""A queue in this process's memory: the model of what every other queue does, and one for one process."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import structlog

from helium.kit.clock import Clock
from helium.kit.retry import backoff
from helium.ports import Ack, Bury, Delivery, Execute, Refuse

log = structlog.get_logger()


@dataclass(slots=True)
class _Message:
    body: str
    deliveries: int = 0
    failures: int = 0


class MemoryQueue:
    """A bell, and consumers for it, on one event loop. Everything in it ends with the process.

    Messages are delivered in the order in which they are due. One whose execution raises is delivered
    again after a growing while (`kit.retry.backoff`), for ever.

    Args:
        concurrency: messages that one consumer works on at once.
    """

    def __init__(self, clock: Clock, *, concurrency: int = 100) -> None:
        self.buried: list[str] = []
        """The bodies of messages that nobody can work on."""
        self._clock = clock
        self._concurrency = concurrency
        self._waiting: list[tuple[float, int, _Message]] = []
        self._numbers = count()
        self._under_way = 0
        self._changed = asyncio.Event()

    @property
    def left(self) -> int:
        """Messages that are not acknowledged: waiting, delayed or delivered."""
        return len(self._waiting) + self._under_way

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        for run_id in run_ids:
            self.send(str(run_id), delay_seconds)

    def send(self, body: str, delay_seconds: float = 0.0) -> None:
        """Add a message of any content."""
        self._put(_Message(body), delay_seconds)

    @asynccontextmanager
    async def consumer(self, execute: Execute) -> AsyncGenerator[None]:
        """Deliver to `execute` until the block ends; what is under way then is cancelled and due again."""
        serving = asyncio.create_task(self._serve(execute))
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.wait([serving])

    def _put(self, message: _Message, delay_seconds: float) -> None:
        due = self._clock.monotonic() + delay_seconds
        heapq.heappush(self._waiting, (due, next(self._numbers), message))
        self._changed.set()

    async def _serve(self, execute: Execute) -> None:
        slots = asyncio.Semaphore(self._concurrency)
        async with asyncio.TaskGroup() as group:
            while True:
                await slots.acquire()
                message = await self._take()
                delivering = group.create_task(self._deliver(message, execute))
                delivering.add_done_callback(partial(self._settle, message))
                delivering.add_done_callback(lambda _: slots.release())

    async def _take(self) -> _Message:
        """Wait for the next message that is due."""
        while True:
            self._changed.clear()
            wait = self._waiting[0][0] - self._clock.monotonic() if self._waiting else None
            if wait is not None and wait <= 0:
                self._under_way += 1
                return heapq.heappop(self._waiting)[2]
            await self._wait(wait)

    async def _wait(self, seconds: float | None) -> None:
        """Until a message came, or, if given, for these seconds."""
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(self._changed.wait())}
        if seconds is not None:
            waits.add(asyncio.create_task(self._clock.sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _settle(self, message: _Message, delivering: asyncio.Task[float | None]) -> None:
        """A callback, because a task that is cancelled before it began runs no line of its own."""
        self._under_way -= 1
        again = 0.0 if delivering.cancelled() else delivering.result()
        if again is not None:
            self._put(message, again)

    async def _deliver(self, message: _Message, execute: Execute) -> float | None:
        """Seconds after which the message is to be delivered again; None: never."""
        message.deliveries += 1
        log.debug("delivery.received", deliveries=message.deliveries)
        try:
            verdict = await execute(Delivery(body=message.body, deliveries=message.deliveries))
        except Exception:
            # The adapter's edge: a bug must not lose a message.
            log.exception("delivery.failed", deliveries=message.deliveries)
            message.failures += 1
            return backoff(message.failures)
        match verdict:
            case Ack():
                return None
            case Refuse(seconds):
                log.debug("delivery.refused", deliveries=message.deliveries, seconds=seconds)
                return seconds
            case Bury(reason):
                log.warning("delivery.buried", deliveries=message.deliveries, reason=reason)
                self.buried.append(message.body)
                return None
