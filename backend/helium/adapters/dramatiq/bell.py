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

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        """Returns when Redis has the messages, or after the time-out, when they may be lost."""
        if self._group.backlog > BACKLOG:
            log.warning("bell.lost", count=len(run_ids), reason="backlog")
            return
        sent = [self._group.submit((str(run_id), delay_seconds)) for run_id in run_ids]
        if sent:
            await asyncio.wait(sent, timeout=self._timeout_seconds)

    async def serve(self) -> None:
        """Send what is rung until cancelled."""
        await self._group.serve()

    async def _flush(self, batch: Sequence[_Rung]) -> Sequence[None]:
        await asyncio.to_thread(self._send, batch)
        return [None] * len(batch)

    def _send(self, batch: Sequence[_Rung]) -> None:
        for number, (body, delay_seconds) in enumerate(batch):
            message = Message[None](self._queue, ACTOR, (body,), {}, {})
            try:
                self._broker.enqueue(message, delay=milliseconds(delay_seconds))
            except redis.RedisError as error:
                log.warning("bell.lost", count=len(batch) - number, reason=str(error))
                return


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
