"""The worker: slots, drains, slices, poison, and leases that are lost or no longer fresh."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from helium.adapters.scripted import Call, Hang, ScriptedModel, Tokens
from helium.core.events import ItemDone, RunFailed, RunRequeued, StepRetracted
from helium.engine.lease import SAFE_SHARE, Lease
from helium.engine.worker import Worker
from helium.ports import ModelRequest, Write

from .fakes import DatabaseAway, Gate, turns, until
from .world import Recorder, Stage, World, answers, texts

# --- slots and claims ----------------------------------------------------------------------------


async def test_a_worker_executes_no_more_runs_than_it_has_slots() -> None:
    stage = Stage(slots=2)
    world = stage.world
    ids = [await world.start() for _ in range(5)]

    async with world.working() as worker:
        await until(lambda: worker.active == 2)
        await turns()
        at_once = [world.stored(run_id).status for run_id in ids]
        stage.rest.set()
        for run_id in ids:
            await world.settled(run_id)

    assert at_once == ["in_progress"] * 2 + ["queued"] * 3


async def test_a_worker_survives_a_database_that_is_away_when_it_claims() -> None:
    world = World(answers(["Hello"]))
    claim, failures = world.store.claim, [DatabaseAway(), DatabaseAway()]

    async def fail_twice(worker_id: UUID, limit: int, **_: Any) -> Any:
        if failures:
            raise failures.pop()
        return await claim(worker_id, limit)

    world.store.claim = fail_twice
    run_id = await world.start()
    async with world.working() as worker:
        while failures:
            worker.ring()
            await turns(3)
        worker.ring()
        await world.settled(run_id)

    assert texts(world.view(run_id)) == ["Hello"]


async def test_guard_a_worker_whose_lease_is_not_fresh_claims_nothing() -> None:
    world = World(answers(["Hello"]), lease_ttl_seconds=10.0)
    run_id = await world.start()

    async with world.working() as worker:
        world.lease.renewed_at = world.clock.monotonic() - 10.0 * SAFE_SHARE
        worker.ring()
        await turns()
        unclaimed = world.stored(run_id).status
        world.lease.renewed_at = world.clock.monotonic()
        worker.ring()
        await world.settled(run_id)

    assert unclaimed == "queued"


async def test_guard_no_step_starts_when_the_lease_is_no_longer_fresh() -> None:
    note = Recorder("note", effect="once")
    world = World(answers([Call("note")], ["Done"]), note, lease_ttl_seconds=10.0)
    waits: list[list[str]] = []

    async def outlive_the_lease(writes: Sequence[Write]) -> None:
        if writes[0].step is not None and writes[0].step.position == 0:
            world.clock.advance(10.0 * SAFE_SHARE)

    async def renew_late(seconds: float) -> None:
        waits.append(world.types(run_id)[-1:])
        if len(waits) == 3:
            world.lease.renewed_at = world.clock.monotonic()
        await type(world.clock).sleep(world.clock, 0)

    world.store.after = outlive_the_lease
    world.clock.sleep = renew_late
    run_id = await world.start()
    view = await world.finish(run_id)

    assert waits == [["step.completed"]] * 3  # nothing was begun meanwhile
    assert (view.status, len(note.calls)) == ("completed", 1)


# --- drain and slices ----------------------------------------------------------------------------


async def test_a_drain_hands_runs_over_at_a_step_boundary() -> None:
    gate = Gate()

    async def hold(arguments: dict[str, Any]) -> str:
        await gate()
        return "held"

    world = World(answers([Call("note")], ["Done"]), Recorder("note", do=hold))
    run_id = await world.start()
    async with world.working() as worker:
        await gate.reached.wait()
        draining = asyncio.create_task(worker.drain(5))
        await turns()
        gate.open.set()
        await draining
        left = world.stored(run_id).status
    view = await world.finish(run_id)

    assert left == "queued"
    assert [e for e in world.events(run_id) if isinstance(e, RunRequeued)] == [RunRequeued(reason="drain")]
    assert (view.status, view.attempt, texts(view)) == ("completed", 2, ["Done"])


async def test_a_drain_that_runs_out_of_time_abandons_the_step_and_takes_it_back() -> None:
    stage = Stage()
    world = stage.world
    run_id = await world.start()

    async with world.working() as worker:
        await stage.said(run_id)
        await worker.drain(0.01)
    stage.rest.set()
    view = await world.finish(run_id)

    kinds = [e for e in world.events(run_id) if isinstance(e, StepRetracted | RunRequeued)]
    assert [type(event) for event in kinds] == [StepRetracted, RunRequeued]
    assert (view.status, texts(view), view.attempt) == ("completed", ["Hello"], 2)


async def test_a_draining_worker_claims_nothing_more() -> None:
    world = World(answers(["Hello"]))

    async with world.working() as worker:
        await worker.drain(1)
        run_id = await world.start()
        worker.ring()
        await turns()

    assert world.stored(run_id).status == "queued"


async def test_a_slice_ends_at_the_first_boundary_after_it_and_the_next_goes_on() -> None:
    note = Recorder("note")
    world = World(answers([Call("note")], [Call("note")], ["Done"]), note, slice_seconds=100.0)

    async def take_a_minute(arguments: dict[str, Any]) -> str:
        world.clock.advance(70)
        return ""

    note.do = take_a_minute
    run_id = await world.start()
    world.platform.bell.listen(lambda: None)  # type: ignore[attr-defined]
    async with world.working() as worker:
        world.platform.bell.listen(worker.ring)  # type: ignore[attr-defined]
        await world.settled(run_id)

    view = world.view(run_id)
    requeued = [e.reason for e in world.events(run_id) if isinstance(e, RunRequeued)]
    assert (view.status, requeued, len(note.calls)) == ("completed", ["slice_over"], 2)


async def test_a_step_that_reaches_far_over_its_slice_is_abandoned() -> None:
    stage = Stage(slice_seconds=0.01)
    world = stage.world
    run_id = await world.start()

    async with world.working():
        with world.hub.follow(run_id, 0) as viewer:
            while "run.requeued" not in world.types(run_id):
                await viewer.next(1)

    kinds = [type(e) for e in world.events(run_id) if isinstance(e, StepRetracted | RunRequeued)]
    assert kinds[:2] == [StepRetracted, RunRequeued]


# --- poison, lost leases -------------------------------------------------------------------------


async def test_a_run_that_ends_its_workers_is_stopped_after_four_attempts() -> None:
    stage = Stage()
    world = stage.world
    run_id = await world.start()

    for attempt in range(1, 5):
        async with world.working():
            await until(lambda n=attempt: world.types(run_id).count("item.delta") == n)
        await world.take_over()
    view = await world.finish(run_id)

    last = world.events(run_id)[-1]
    assert isinstance(last, RunFailed)
    assert (view.status, last.code, view.attempt, view.items) == ("failed", "poison", 5, ())


async def test_progress_forgives_lost_attempts() -> None:
    note = Recorder("note")
    turns_left = 7

    def choose(request: ModelRequest) -> Sequence[Any]:
        return [Call("note")] if len(request.items) < turns_left else ["Done"]

    world = World(ScriptedModel(choose), note)
    run_id = await world.start()

    for _ in range(3):
        recorded = len(world.stored(run_id).steps)
        async with world.working():
            await until(lambda n=recorded: len(world.stored(run_id).steps) > n)
        if world.stored(run_id).status == "in_progress":
            await world.take_over()
    view = await world.finish(run_id)

    assert view.status == "completed"


async def test_a_superseded_worker_changes_nothing() -> None:
    stage = Stage()
    world = stage.world
    run_id = await world.start()

    async with world.working() as old:
        await stage.said(run_id)
        await world.take_over()  # somebody believes that the first worker is dead
        async with world.working():
            await until(lambda: world.stored(run_id).attempt == 2)
            await until(lambda: world.types(run_id).count("item.delta") == 2)
            stage.rest.set()  # both models go on
            await world.settled(run_id)
            await until(lambda: old.active == 0)

    view = world.view(run_id)
    assert (view.status, texts(view)) == ("completed", ["Hello"])
    assert [logged.seq for logged in world.log(run_id)] == list(range(1, view.last_seq + 1))
    assert world.types(run_id).count("run.completed") == 1
    assert len([e for e in world.events(run_id) if isinstance(e, ItemDone)]) == 1


async def test_guard_a_run_whose_lease_is_lost_is_stopped_although_its_model_says_nothing_more() -> None:
    more = asyncio.Event()
    world = World(answers(["Hel", more, "lo", Hang()]))
    run_id = await world.start()

    async with world.working() as old:
        await until(lambda: "item.delta" in world.types(run_id))
        await world.take_over()
        await world.store.claim(UUID(int=0x999), 1)
        before = world.types(run_id)
        more.set()
        await until(lambda: old.active == 0, "the end of the lost run")

    assert world.types(run_id) == before


async def test_a_dead_attempts_text_is_taken_back_before_the_next_one_speaks() -> None:
    stage = Stage()
    world = stage.world
    run_id = await world.start()
    async with world.working():
        await stage.said(run_id)
    await world.take_over()
    stage.rest.set()

    view = await world.finish(run_id)

    assert texts(view) == ["Hello"]
    after = world.types(run_id)[world.types(run_id).index("run.requeued") :]
    assert after[:4] == ["run.requeued", "run.started", "step.retracted", "step.started"]


async def test_tokens_in_small_batches_arrive_whole() -> None:
    world = World(answers([Tokens([f"{n} " for n in range(300)])]))

    view = await world.finish(await world.start())

    assert texts(view) == ["".join(f"{n} " for n in range(300))]


@pytest.mark.parametrize(("elapsed", "fresh"), [(0.0, True), (5.99, True), (6.0, False), (60.0, False)])
def test_guard_a_lease_is_fresh_for_six_tenths_of_its_life(elapsed: float, fresh: bool) -> None:
    lease = Lease(UUID(int=1), 10.0)
    lease.renewed_at = 100.0

    assert lease.fresh(100.0 + elapsed) is fresh


def test_a_lease_that_was_never_renewed_is_not_fresh() -> None:
    assert not Lease(UUID(int=1), 10.0).fresh(0.0)


def test_a_worker_knows_nothing_of_runs_that_it_does_not_hold() -> None:
    async def check() -> None:
        world = World(answers(["Hello"]))
        async with world.working() as worker:
            assert isinstance(worker, Worker)
            worker.cancel([UUID(int=9)])
            worker.promote_soon()
            await turns(5)

    asyncio.run(check())
