"""Buses that run, and what they hear."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from helium.adapters.redis.bus import RedisBus
from helium.adapters.redis.connection import open_redis
from helium.kit.clock import Clock, SystemClock
from helium.ports.bus import Topic
from tests.support.processes import until


class Ear:
    """A bus of one process, and every call of its listener."""

    def __init__(self, bus: RedisBus, *topics: Topic) -> None:
        self.bus = bus
        self.calls: list[list[UUID]] = []
        for topic in topics:
            bus.listen(topic, self._hear)

    def _hear(self, run_ids: Sequence[UUID]) -> None:
        self.calls.append(list(run_ids))

    @property
    def run_ids(self) -> list[UUID]:
        return [run_id for call in self.calls for run_id in call]

    async def ready(self) -> None:
        await until(lambda: self.bus.healthy, "a subscription", 10)


@asynccontextmanager
async def bus_on(
    url: str,
    prefix: str,
    *topics: Topic,
    timeout_seconds: float = 1.0,
    buffer_ids: int = 4096,
    clock: Clock | None = None,
) -> AsyncGenerator[Ear]:
    """A process's bus, served, whose listener listens to these topics."""
    async with open_redis(url, prefix=prefix, timeout_seconds=timeout_seconds) as redis:
        bus = RedisBus(
            redis, clock or SystemClock(), timeout_seconds=timeout_seconds, buffer_ids=buffer_ids
        )
        ear = Ear(bus, *topics)
        async with served(bus):
            yield ear


@asynccontextmanager
async def served(bus: RedisBus) -> AsyncGenerator[None]:
    running = asyncio.create_task(bus.serve())
    try:
        yield
    finally:
        if not running.done():
            running.cancel()
        with suppress(asyncio.CancelledError):
            await running
