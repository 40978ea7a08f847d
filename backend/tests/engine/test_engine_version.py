"""An older worker beside a newer one: it leaves the newer one's runs, and asks for them seldom (F17)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from helium.adapters.memory.queue import MemoryQueue
from helium.core.engine_version import ENGINE_VERSION
from helium.engine.doorbell import BUSY_SECONDS, MOST_PATIENCE_SECONDS, Doorbell
from helium.engine.sweeper import Sweeper
from helium.engine.worker import Worker
from helium.kit.clock import ManualClock
from helium.ports import Ack, ClaimedRun, Delivery, Refuse, Verdict

from .fakes import AWAY, turns, until
from .world import World, answers, texts

NEWER = ENGINE_VERSION + 1
HOUR = 3600.0


async def begun_by_newer(world: World) -> UUID:
    """A run that a newer worker took and gave back."""
    run_id = await world.start()
    world.store.engine_version = NEWER
    await world.store.claim(UUID(int=0x300), 1)
    await world.store.release(UUID(int=0x300))
    world.store.engine_version = ENGINE_VERSION
    return run_id


@asynccontextmanager
async def doorbell(world: World) -> AsyncGenerator[Doorbell]:
    async with world.working() as worker:
        yield doorbell_of(world, worker)


def doorbell_of(world: World, worker: Worker) -> Doorbell:
    sweeper = Sweeper(world.store, world.platform.bell, world.clock, world.options, AWAY)
    return Doorbell(worker, sweeper, world.store, world.clock, world.options, AWAY)


async def test_a_worker_that_looks_by_itself_asks_once_and_leaves_a_newer_one_s_run() -> None:
    world = World(answers(["Hello"]))
    run_id = await begun_by_newer(world)
    claim, asked = world.store.claim, [0]

    async def counted(worker_id: UUID, limit: int, **options: Any) -> Sequence[ClaimedRun]:
        asked[0] += 1
        return await claim(worker_id, limit, **options)

    world.store.claim = counted
    async with world.working() as worker:
        await turns()
        quiet = asked[0]
        worker.ring()
        await turns()

    assert (quiet, asked[0]) == (1, 2)
    assert (world.stored(run_id).status, world.stored(run_id).attempt) == ("queued", 1)
    world.store.engine_version = NEWER
    assert texts(await world.finish(run_id)) == ["Hello"]
    assert world.stored(run_id).attempt == 2


async def test_guard_its_message_is_refused_each_time_for_longer_and_neither_lost_nor_buried() -> None:
    world = World(answers(["Hello"]), claim_overdue_seconds=None, queue_delivers=True)
    run_id = await begun_by_newer(world)
    before = world.stored(run_id).attempts_without_progress

    async with doorbell(world) as bell:
        verdicts = [await bell.answer(Delivery(body=str(run_id), deliveries=n)) for n in (1, 2, 3, 500)]
        assert world.stored(run_id).attempts_without_progress == before
        world.store.engine_version = NEWER
        last = await bell.answer(Delivery(body=str(run_id), deliveries=501))

    patience = (0, 1, 2, MOST_PATIENCE_SECONDS)
    assert verdicts == [Refuse(BUSY_SECONDS + seconds) for seconds in patience]
    assert (last, world.stored(run_id).status) == (Ack(), "completed")


async def test_an_hour_of_older_workers_costs_a_queue_few_deliveries_and_the_run_is_still_there() -> None:
    world = World(answers(["Hello"]), claim_overdue_seconds=None, queue_delivers=True)
    run_id = await begun_by_newer(world)
    clock = ManualClock()
    queue, verdicts = MemoryQueue(clock), list[Verdict]()

    async with doorbell(world) as bell:

        async def execute(delivery: Delivery) -> Verdict:
            verdicts.append(await bell.answer(delivery))
            return verdicts[-1]

        async with queue.consumer(execute):
            await queue.ring([run_id])
            for _ in range(int(HOUR / 10)):
                await turns(20)
                clock.advance(10)
            refusals = len(verdicts)
            world.store.engine_version = NEWER
            clock.advance(60)
            await until(lambda: not queue.left, "the message is worked on")

    assert 100 < refusals < 200
    assert (verdicts[-1], world.stored(run_id).status) == (Ack(), "completed")


async def test_guard_a_sweeper_rings_for_no_run_that_its_workers_cannot_take() -> None:
    world = World(answers(["Hello"]), queue_delivers=True)
    run_id = await begun_by_newer(world)
    queue = MemoryQueue(world.clock)
    sweeper = Sweeper(world.store, queue, world.clock, world.options, AWAY)
    world.stored(run_id).due_at -= HOUR

    await sweeper.sweep()
    older = queue.left
    world.store.engine_version = NEWER
    await sweeper.sweep()

    assert (older, queue.left) == (0, 1)
