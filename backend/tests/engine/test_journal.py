"""The journal: recorded steps are returned, changed programs noticed, the index goes on."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from helium.adapters.scripted import Call
from helium.core.budget import Usage
from helium.core.errors import StepMismatch
from helium.core.events import RunFailed
from helium.core.items import Item, assistant_message
from helium.core.steps import StepResult
from helium.engine.journal import HandOver, Journal
from helium.engine.lease import Lease
from helium.engine.log_writer import LogWriter
from helium.engine.tail import EventHub
from helium.kit.ids import new_id
from helium.ports import ClaimedRun, StepRecord, Write

from .fakes import AWAY, Gate, LogStore, SkippingClock, claimed_run
from .world import Recorder, World, answers, texts


def record(position: int, name: str, *items: Item) -> StepRecord:
    return StepRecord(position=position, kind="model", name=name, result=StepResult(items=items))


def journal_of(run: ClaimedRun, stop: str | None = None) -> Journal:
    clock = SkippingClock()
    store = LogStore()
    writer = LogWriter(store, EventHub(store, clock, poll_seconds=1, buffer_events=9), clock, AWAY)
    return Journal(run, writer.open(run), clock, Lease(new_id(), 1.0), lambda: stop)


async def never() -> tuple[StepResult, Usage]:
    raise AssertionError("a recorded step is not done again")


async def test_guard_a_recorded_step_is_returned_and_not_done_again() -> None:
    said = record(0, "model", assistant_message("m1", "Hi"))
    journal = journal_of(replace(claimed_run(), recorded=(said,)))

    result = await journal.step("model", "model", never)

    assert (result, journal.position, journal.index) == (said.result, 1, 1)


async def test_guard_a_step_of_another_name_is_an_error_instead_of_a_guess() -> None:
    journal = journal_of(replace(claimed_run(), recorded=(record(0, "note c1"),)))

    with pytest.raises(StepMismatch, match=r"'note c1', the loop wants 'model'"):
        await journal.step("model", "model", never)


async def test_recorded_steps_pass_a_boundary_that_a_new_one_does_not() -> None:
    journal = journal_of(replace(claimed_run(), recorded=(record(0, "model"),)), stop="drain")

    await journal.step("model", "model", never)
    with pytest.raises(HandOver) as stopped:
        await journal.step("model", "model", never)

    assert stopped.value.reason == "drain"


async def test_two_attempts_never_give_the_same_id() -> None:
    run = claimed_run()
    first = journal_of(run)
    second = journal_of(replace(run, lease=replace(run.lease, epoch=2)))

    ids = [journal.new_item_id("msg") for journal in (first, second) for _ in range(20)]

    assert len(set(ids)) == 40


async def test_a_run_recorded_by_another_program_fails_with_a_reason() -> None:
    note = Recorder("note")
    world = World(answers([Call("note")], ["Done"]), note)
    run_id = await world.start()
    world.stored(run_id).steps.append(record(0, "planner"))

    view = await world.finish(run_id)

    last = world.events(run_id)[-1]
    assert isinstance(last, RunFailed)
    assert (view.status, last.code, note.calls) == ("failed", "step_mismatch", [])


async def test_a_second_attempt_continues_where_the_first_was_recorded() -> None:
    model = answers([Call("note")], ["Done"])
    world = World(model, Recorder("note"))
    run_id = await world.start()
    gate = Gate()

    async def hang_after_the_first_step(writes: Sequence[Write]) -> None:
        if writes[0].step is not None:
            await gate()

    world.store.after = hang_after_the_first_step
    async with world.working():
        await gate.reached.wait()
    world.store.after = None
    await world.take_over()
    view = await world.finish(run_id)

    assert (view.status, texts(view), view.attempt) == ("completed", ["Done"], 2)
    assert len(model.requests) == 2  # the recorded answer was not asked for again
    assert [placed.index for placed in view.placed] == [0, 1, 2]
