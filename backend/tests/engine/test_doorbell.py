"""What a worker answers to the messages of a queue."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from helium.adapters.scripted import Call
from helium.engine.doorbell import BUSY_SECONDS, SWEEP, UNKNOWN_SECONDS, Doorbell
from helium.engine.sweeper import Sweeper
from helium.engine.worker import Worker
from helium.ports import Ack, Bury, Delivery, Refuse, Verdict
from tests.support.factories import finish

from .fakes import AWAY, DatabaseAway, turns, until
from .world import Recorder, Stage, World, answers

NEVER_BY_ITSELF: dict[str, Any] = {"claim_overdue_seconds": None, "queue_delivers": True}
TTL = 10.0


class RecordingBell:
    def __init__(self) -> None:
        self.rings: list[tuple[list[UUID], float]] = []

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        self.rings.append((list(run_ids), delay_seconds))


class House:
    """One worker that takes only what it is brought."""

    def __init__(self, world: World, worker: Worker) -> None:
        self.world, self.worker = world, worker
        sweeper = Sweeper(world.store, world.platform.bell, world.clock, world.options, AWAY)
        self.doorbell = Doorbell(worker, sweeper, world.store, world.clock, world.options, AWAY)

    async def bring(self, run_id: UUID | str, deliveries: int = 1, seconds: float | None = None) -> Verdict:
        return await self.doorbell.answer(
            Delivery(body=str(run_id), deliveries=deliveries, seconds=seconds)
        )


@asynccontextmanager
async def house(world: World) -> AsyncGenerator[House]:
    async with world.working() as worker:
        yield House(world, worker)


def quiet(*turns_of_model: Sequence[Any], **options: Any) -> World:
    return World(answers(*turns_of_model), **{**NEVER_BY_ITSELF, **options})


async def test_a_delivered_run_is_executed_and_then_acknowledged() -> None:
    world = quiet(["Hello"])
    run_id = await world.start()

    async with house(world) as here:
        verdict = await here.bring(run_id)

    assert verdict == Ack()
    assert world.stored(run_id).status == "completed"


async def test_guard_a_worker_that_only_a_queue_may_start_takes_nothing_by_itself() -> None:
    world = quiet(["Hello"])
    run_id = await world.start()

    async with house(world) as here:
        here.worker.ring()
        await turns()

    assert world.stored(run_id).status == "queued"


async def test_guard_a_message_is_not_acknowledged_before_its_run_has_ended() -> None:
    stage = Stage(**NEVER_BY_ITSELF)
    run_id = await stage.world.start()

    async with house(stage.world) as here:
        verdict = asyncio.ensure_future(here.bring(run_id))
        await stage.said(run_id)
        early = verdict.done()
        stage.rest.set()

        assert await verdict == Ack()
    assert not early


async def test_guard_a_duplicate_that_meets_a_living_lease_is_refused_until_the_lease_could_end() -> None:
    stage = Stage(**NEVER_BY_ITSELF)
    world, run_id = stage.world, await stage.world.start()

    async with house(world) as here:
        first = asyncio.ensure_future(here.bring(run_id))
        await stage.said(run_id)
        world.store.leases[here.worker.id] = world.clock.time() + TTL
        duplicates = [await here.bring(run_id, n) for n in range(1, 11)]
        stage.rest.set()
        await first

    assert [type(verdict) for verdict in duplicates] == [Refuse] * 10
    assert isinstance(duplicates[0], Refuse)
    assert 0 < duplicates[0].seconds <= TTL
    assert world.stored(run_id).attempt == 1


async def test_ten_copies_of_one_message_at_once_start_the_run_once() -> None:
    world = quiet(["Hello"])
    run_id = await world.start()

    async with house(world) as here:
        verdicts = await asyncio.gather(*(here.bring(run_id) for _ in range(10)))

    assert verdicts.count(Ack()) >= 1
    assert world.stored(run_id).attempt == 1


async def test_a_message_about_a_run_that_has_ended_is_acknowledged() -> None:
    world = quiet(["Hello"])
    run_id = await world.start()

    async with house(world) as here:
        await here.bring(run_id)

        assert await here.bring(run_id, 2) == Ack()


async def test_a_message_about_a_run_that_waits_for_a_person_is_acknowledged() -> None:
    ask = Recorder("ask", asks_person=True)
    world = World(answers([Call("ask")]), ask, **NEVER_BY_ITSELF)
    run_id = await world.start()

    async with house(world) as here:
        assert await here.bring(run_id) == Ack()
        assert world.stored(run_id).status == "requires_action"
        assert await here.bring(run_id) == Ack()


async def test_a_bell_that_rang_before_its_commit_is_refused_and_dropped_after_many_times() -> None:
    world = quiet(["Hello"], max_deliveries=4)

    async with house(world) as here:
        verdicts = [await here.bring(uuid4(), n) for n in range(1, 6)]

    assert verdicts == [Refuse(UNKNOWN_SECONDS * n) for n in (1, 2, 3)] + [Ack(), Ack()]


async def test_a_run_that_is_not_due_yet_is_refused_until_then() -> None:
    world = quiet(["Hello"])
    run_id = await world.start()
    world.stored(run_id).due_at = world.clock.time() + 30

    async with house(world) as here:
        verdict = await here.bring(run_id)

    assert isinstance(verdict, Refuse)
    assert verdict.seconds == pytest.approx(30)


@pytest.mark.parametrize("body", ["", "hello", "🛎" * 100, "{}", "12345678-1234"])
async def test_a_message_that_is_no_run_id_is_buried(body: str) -> None:
    async with house(quiet()) as here:
        assert isinstance(await here.bring(body), Bury)


async def test_guard_the_message_of_a_poisonous_run_is_buried() -> None:
    world = quiet(["Hello"], max_attempts_without_progress=3)
    run_id = await world.start()
    world.stored(run_id).attempts_without_progress = 3
    world.stored(run_id).due_at -= 100

    async with house(world) as here:
        first = await here.bring(run_id, 4)
        copy, seen_before = await here.bring(run_id, 1), await here.bring(run_id, 5)

    assert world.stored(run_id).error_code == "poison"
    assert [type(v) for v in (first, copy, seen_before)] == [Bury, Ack, Bury]


async def test_a_worker_without_a_free_slot_or_a_fresh_lease_refuses() -> None:
    stage = Stage(slots=1, **NEVER_BY_ITSELF)
    world = stage.world
    one, two = await world.start(), await world.start()

    async with house(world) as here:
        first = asyncio.ensure_future(here.bring(one))
        await stage.said(one)
        full = await here.bring(two)
        stage.rest.set()
        await first
        world.lease.renewed_at = float("-inf")
        stale = await here.bring(two)

    assert [full, stale] == [Refuse(BUSY_SECONDS)] * 2
    assert world.stored(two).status == "queued"


async def test_a_worker_that_drains_refuses() -> None:
    world = quiet(["Hello"])
    run_id = await world.start()

    async with house(world) as here:
        await here.worker.drain(1.0)

        assert await here.bring(run_id) == Refuse(BUSY_SECONDS)


async def test_without_a_database_a_message_is_refused() -> None:
    world = quiet(["Hello"])
    run_id = await world.start()

    async def away(worker_id: UUID, run_ids: Sequence[UUID]) -> Any:
        raise DatabaseAway

    world.store.claim_these = away
    async with house(world) as here:
        verdict = await here.bring(run_id)

    assert isinstance(verdict, Refuse)


async def test_guard_a_run_is_handed_over_at_the_first_boundary_after_half_of_its_platforms_time() -> None:
    note = Recorder("note")
    world = World(answers([Call("note")], ["Done"]), note, **NEVER_BY_ITSELF)
    world.platform.bell.ring = (bell := RecordingBell()).ring
    run_id = await world.start()

    async def outlast(_: dict[str, Any]) -> str:
        world.clock.advance(60)
        return "noted"

    note.do = outlast
    async with house(world) as here:
        first = await here.bring(run_id, seconds=100)
        handed_over = world.stored(run_id).status
        second = await here.bring(run_id, seconds=100)

    assert [first, second] == [Ack(), Ack()]
    assert handed_over == "queued"
    assert world.stored(run_id).status == "completed"
    assert bell.rings == [([run_id], 0.0)]
    assert len(note.calls) == 1


async def test_guard_each_claim_leaves_a_dead_mans_bell_behind() -> None:
    world = quiet(["Hello"], dead_man_bell=True, lease_ttl_seconds=TTL)
    world.platform.bell.ring = (bell := RecordingBell()).ring
    run_id = await world.start()

    async with house(world) as here:
        await here.bring(run_id)

    assert bell.rings == [([run_id], 2 * TTL)]


async def test_guard_a_dead_mans_bell_takes_the_run_over_after_watching_for_a_whole_lease() -> None:
    world = quiet(["Hello"], lease_ttl_seconds=TTL)
    run_id = await world.start()
    dead = uuid4()
    await world.store.renew(dead, TTL)
    await world.store.claim_these(dead, [run_id])
    world.store.leases[dead] = world.clock.time() - 1
    began = world.clock.time()

    async with house(world) as here:
        world.lease.renewed_at = float("inf")  # this worker goes on renewing
        verdict = await here.bring(run_id)

    assert verdict == Ack()
    assert world.stored(run_id).status == "completed"
    assert world.clock.time() - began >= TTL


async def test_guard_after_an_outage_a_bell_takes_nothing_from_a_worker_that_renews() -> None:
    world = quiet(["Hello"], lease_ttl_seconds=TTL)
    run_id = await world.start()
    living = uuid4()
    await world.store.renew(living, TTL)
    (claimed,) = await world.store.claim_these(living, [run_id])
    world.store.leases[living] = world.clock.time() - 1
    sleep = world.clock.sleep

    async def renewed_meanwhile(seconds: float) -> None:
        await sleep(seconds)
        await world.store.renew(living, TTL)

    world.clock.sleep = renewed_meanwhile
    async with house(world) as here:
        verdict = await here.bring(run_id)
    (result,) = await world.store.commit([finish(claimed)])

    assert isinstance(verdict, Refuse)
    assert not isinstance(result, Exception)


async def test_a_run_whose_lease_was_lost_leaves_its_message_in_the_queue() -> None:
    stage = Stage(**NEVER_BY_ITSELF)
    world, run_id = stage.world, await stage.world.start()

    async with house(world) as here:
        verdict = asyncio.ensure_future(here.bring(run_id))
        await stage.said(run_id)
        await world.take_over()
        stage.rest.set()

        assert await verdict == Refuse(0.0)


async def test_what_waits_behind_a_finished_run_is_rung_for() -> None:
    world = quiet(["Hello"], ["Again"])
    world.platform.bell.ring = (bell := RecordingBell()).ring
    first = await world.start()
    behind = await world.start(previous=first, when_busy="enqueue")

    async with house(world) as here:
        await here.bring(first)
        await until(lambda: world.stored(behind).held is False, "the promotion")

    assert ([behind], 0.0) in bell.rings


async def test_a_schedulers_message_returns_abandoned_runs_to_the_queue() -> None:
    world = quiet(["Hello"], lease_ttl_seconds=TTL)
    world.platform.bell.ring = (bell := RecordingBell()).ring
    run_id = await world.start()
    dead = uuid4()
    await world.store.renew(dead, TTL)
    await world.store.claim_these(dead, [run_id])
    world.store.leases[dead] = world.clock.time() - 1

    async with house(world) as here:
        verdict = await here.bring(SWEEP)

    assert verdict == Ack()
    assert world.stored(run_id).status == "queued"
    assert [run_id] in [ids for ids, _ in bell.rings]
