"""Accepting runs: durable first, then the bell, which nobody waits for."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from helium.adapters.memory.run_store import MemoryRunStore
from helium.engine.start import RunStarter
from helium.engine.tail import EventHub
from helium.kit.clock import ManualClock
from helium.ports import Committed
from tests.support.factories import new_run

from .fakes import until

WORKSPACE = UUID(int=1)


class SlowBell:
    """A queue that takes its time."""

    def __init__(self) -> None:
        self.rings: list[list[UUID]] = []
        self.answers = asyncio.Event()

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        self.rings.append(list(run_ids))
        await self.answers.wait()


@asynccontextmanager
async def starting(bell: SlowBell) -> AsyncGenerator[RunStarter]:
    clock = ManualClock()
    store = MemoryRunStore(clock)
    hub = EventHub(store, clock, poll_seconds=1.0, buffer_events=8)
    starter = RunStarter(store, bell, hub)
    serving = asyncio.create_task(starter.serve())
    try:
        yield starter
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_guard_nobody_waits_for_a_queue_to_hear_that_their_run_is_safe() -> None:
    bell = SlowBell()
    async with starting(bell) as starter:
        first = await starter.start(new_run(WORKSPACE))
        second = await starter.start(new_run(WORKSPACE))

    assert isinstance(first, Committed)
    assert isinstance(second, Committed)


async def test_what_was_accepted_while_a_ring_is_under_way_is_rung_for_next_in_one() -> None:
    bell, news = SlowBell(), [new_run(WORKSPACE) for _ in range(4)]
    async with starting(bell) as starter:
        await starter.start(news[0])
        await until(lambda: len(bell.rings) == 1, "the first ring")
        for new in news[1:]:
            await starter.start(new)
        bell.answers.set()
        await until(lambda: len(bell.rings) == 2, "the second ring")

    assert bell.rings == [[news[0].id], [new.id for new in news[1:]]]
