"""The sending end: run ids into Dramatiq's queue."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.message import Message

from helium.adapters.dramatiq.broker import ACTOR, DramatiqOptions, sending_broker
from helium.kit.group import GroupCommit
from helium.kit.metrics import instruments as metrics
from helium.kit.outage import Outage

log = structlog.get_logger()

BACKLOG = 10_000
"""Rings that wait for Redis; more are lost, and found by the sweeper."""
_Rung = tuple[str, float]


def milliseconds(seconds: float) -> int | None:
    """As Dramatiq wants a delay; None: none."""
    return max(1, round(seconds * 1000)) if seconds > 0 else None


class DramatiqBell:
    """Rings by one thread at a time (Dramatiq's client blocks): while it sends, the next rings gather.

    Get one from `open_bell`.
    """

    def __init__(self, options: DramatiqOptions, broker: RedisBroker) -> None:
        self._queue = options.queue
        self._timeout_seconds = options.timeout_seconds
        self._broker = broker
        self._group = GroupCommit[_Rung, None](self._flush)
        self._outage = Outage("bell")
        self._full = False
        self._published = metrics.BELLS.of("queue", "published")
        self._failed = metrics.BELLS.of("queue", "failed")
        self._dropped = metrics.BELLS.of("queue", "dropped")

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        """Returns when Redis has the messages, or after the time-out, when they may be lost."""
        if self._group.backlog > BACKLOG:
            self._lose(len(run_ids))
            return
        self._full = False
        sent = [self._group.submit((str(run_id), delay_seconds)) for run_id in run_ids]
        if sent:
            await asyncio.wait(sent, timeout=self._timeout_seconds)

    async def serve(self) -> None:
        """Send what is rung until cancelled."""
        await self._group.serve()

    def _lose(self, count: int) -> None:
        """There is no room for these; told once, until there is again."""
        self._dropped.add(count)
        if not self._full:
            log.warning("bell.lost", count=count, reason="backlog")
        self._full = True

    async def _flush(self, batch: Sequence[_Rung]) -> Sequence[None]:
        sent, error = await asyncio.to_thread(self._send, batch)
        self._published.add(sent)
        self._failed.add(len(batch) - sent)
        if error is None:
            self._outage.worked()
        else:
            self._outage.failed(error, len(batch) - sent)
        return [None] * len(batch)

    def _send(self, batch: Sequence[_Rung]) -> tuple[int, redis.RedisError | None]:
        """In a thread: how many were sent, and why not all."""
        for number, (body, delay_seconds) in enumerate(batch):
            message = Message[None](self._queue, ACTOR, (body,), {}, {})
            try:
                self._broker.enqueue(message, delay=milliseconds(delay_seconds))
            except redis.RedisError as error:
                return number, error
        return len(batch), None


@asynccontextmanager
async def open_bell(options: DramatiqOptions) -> AsyncGenerator[DramatiqBell]:
    """A bell, until the block ends. Redis need not be there."""
    broker = sending_broker(options)
    bell = DramatiqBell(options, broker)
    serving = asyncio.create_task(bell.serve())
    try:
        yield bell
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        await asyncio.to_thread(broker.client.close)
