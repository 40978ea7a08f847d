"""Cancelling a run: queued, speaking, between attempts, and in the middle of a commit."""

from collections.abc import Sequence

from helium.adapters.scripted import Call, Hang
from helium.core.items import Message
from helium.ports import ArgumentsDelta, ToolCallStarted, Write

from .fakes import Gate, turns, until
from .world import Recorder, Stage, World, answers, texts


async def test_a_cancelled_run_keeps_what_it_had_said() -> None:
    stage = Stage()
    world = stage.world
    run_id = await world.start()

    async with world.working() as worker:
        await stage.said(run_id)
        await world.store.request_cancel(run_id)
        worker.cancel([run_id])
        await world.settled(run_id)

    view = world.view(run_id)
    (message,) = view.items
    assert isinstance(message, Message)
    assert (view.status, message.text, message.status) == ("cancelled", "Hel", "incomplete")
    assert world.types(run_id)[-3:] == ["run.cancel_requested", "item.done", "run.cancelled"]
    assert world.stored(run_id).steps[0].result.finish == "cancelled"


async def test_a_cancelled_runs_half_said_call_is_taken_back() -> None:
    half = [ToolCallStarted(0, "c1", "note"), ArgumentsDelta(0, '{"te')]
    world = World(answers(["I will", half, Hang()]), Recorder("note"))
    run_id = await world.start()

    async with world.working() as worker:
        await until(lambda: world.types(run_id).count("item.added") == 2)
        worker.cancel([run_id])
        await world.settled(run_id)

    view = world.view(run_id)
    assert [type(item) for item in view.items] == [Message]
    assert "step.retracted" in world.types(run_id)


async def test_a_queued_run_that_is_cancelled_is_never_started() -> None:
    world = World(answers(["Hello"]))
    run_id = await world.start()

    status = await world.store.request_cancel(run_id)
    async with world.working():
        await turns()

    assert status == "cancelled"
    assert world.types(run_id) == ["run.queued", "run.cancel_requested", "run.cancelled"]


async def test_a_run_that_was_to_be_cancelled_is_cancelled_by_whoever_claims_it_next() -> None:
    stage = Stage()
    world = stage.world
    run_id = await world.start()
    async with world.working():
        await stage.said(run_id)
    await world.take_over()
    world.stored(run_id).cancel_requested = True

    view = await world.finish(run_id)

    assert (view.status, view.items) == ("cancelled", ())


async def test_a_cancel_during_the_commit_of_the_answer_comes_too_late() -> None:
    world = World(answers(["Hello"]))
    gate = Gate()

    async def hold_the_end(writes: Sequence[Write]) -> None:
        if writes[0].close is not None:
            await gate()

    world.store.before = hold_the_end
    run_id = await world.start()
    async with world.working() as worker:
        await gate.reached.wait()
        worker.cancel([run_id])
        gate.open.set()
        await world.settled(run_id)
        await until(lambda: worker.active == 0)

    view = world.view(run_id)
    assert (view.status, texts(view)) == ("completed", ["Hello"])


async def test_a_cancel_during_the_commit_of_a_step_comes_right_after_it() -> None:
    note = Recorder("note")
    world = World(answers([Call("note")], ["Done"]), note)
    gate = Gate()

    async def hold_the_call(writes: Sequence[Write]) -> None:
        if writes[0].step is not None and writes[0].step.position == 0:
            await gate()

    world.store.before = hold_the_call
    run_id = await world.start()
    async with world.working() as worker:
        await gate.reached.wait()
        worker.cancel([run_id])
        gate.open.set()
        await world.settled(run_id)

    assert world.view(run_id).status == "cancelled"
    assert (len(world.stored(run_id).steps), note.calls) == (1, [])


async def test_a_cancel_while_the_run_is_given_to_a_person_is_not_forgotten() -> None:
    world = World(answers([Call("note")], ["Done"]), Recorder("note"))
    gate = Gate()

    async def hold_the_park(writes: Sequence[Write]) -> None:
        if writes[0].close is not None:
            await gate()

    world.store.before = hold_the_park
    run_id = await world.start(ask_before=("note",))
    async with world.working() as worker:
        await gate.reached.wait()
        await world.store.request_cancel(run_id)
        worker.cancel([run_id])
        gate.open.set()
        await until(lambda: worker.active == 0)

    assert world.view(run_id).status == "cancelled"
    assert [action.state for action in world.stored(run_id).actions.values()] == ["void"]
