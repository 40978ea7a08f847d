"""What people do to runs: cancel and decide. And what they see: reading the log."""

import asyncio

import pytest

from helium.core.errors import ActionAlreadyDecided, NotFound, RunAlreadyFinished
from helium.core.events import CancelRequested, LoggedEvent, RunCancelled, RunResumed
from helium.core.states import RunStatus
from helium.kit.ids import new_id, to_wire
from helium.ports import ActionRow, Committed, RunRow
from tests.support.factories import (
    USAGE,
    a_step,
    a_write,
    an_action,
    delta,
    finish,
    hand_over,
    park,
)
from tests.support.sides import Side, claimed, started, timeless


async def a_parked_run(side: Side) -> ActionRow:
    await started(side)
    run = await claimed(side)
    action = an_action(run)
    await side.store.commit([park(run, action, step=a_step(0, usage=USAGE))])
    return action


async def test_a_queued_run_is_cancelled_at_once(side: Side) -> None:
    new = await started(side)

    status = await side.store.request_cancel(new.id)

    stored = await side.stored(new.id)
    assert (status, stored.row.status, stored.row.finished_at) == ("cancelled", "cancelled", 0.0)
    assert [logged.event for logged in stored.log[1:]] == [CancelRequested(), RunCancelled()]
    assert not await side.store.due()


async def test_a_held_run_is_cancelled_at_once_and_leaves_the_active_one(side: Side) -> None:
    first = await started(side)
    held = await started(
        side, workspace_id=first.workspace_id, thread_id=first.thread_id, when_busy="enqueue"
    )

    status = await side.store.request_cancel(held.id)

    stored = await side.stored(held.id)
    assert (status, stored.row.status, stored.held) == ("cancelled", "cancelled", False)
    assert (await side.stored(first.id)).row.status == "queued"
    assert list(await side.store.promote(10)) == []


async def test_a_waiting_run_is_cancelled_and_its_action_is_void(side: Side) -> None:
    action = await a_parked_run(side)

    status = await side.store.request_cancel(action.run_id)

    stored = await side.stored(action.run_id)
    assert (status, stored.row.status) == ("cancelled", "cancelled")
    assert [logged.event for logged in stored.log[-2:]] == [
        CancelRequested(),
        RunCancelled(usage=USAGE),
    ]
    assert [(a.state, a.decision) for a in stored.actions] == [("void", None)]
    with pytest.raises(ActionAlreadyDecided):
        await side.store.decide(action.id, decision="approve", answer=None, decided_by="test")


async def test_a_run_in_progress_is_marked_for_its_worker(side: Side) -> None:
    new = await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    log = (await side.stored(new.id)).log

    statuses = [await side.store.request_cancel(new.id) for _ in range(2)]

    assert statuses == ["in_progress", "in_progress"]
    assert (await side.stored(new.id)).log == log
    assert list(await side.store.cancels(worker)) == [new.id]
    assert list(await side.store.cancels(new_id())) == []
    await side.store.commit([finish(run, "cancelled")])
    assert list(await side.store.cancels(worker)) == []


async def test_a_run_that_parks_after_it_was_to_be_cancelled_is_cancelled(side: Side) -> None:
    """Its worker had not heard of it yet; parked, the run has no worker that could."""
    new = await started(side)
    run = await claimed(side)
    await side.store.request_cancel(new.id)
    join = {"workspace_id": new.workspace_id, "thread_id": new.thread_id, "when_busy": "enqueue"}
    await started(side, **join)

    (landed,) = await side.store.commit([park(run, an_action(run))])

    assert isinstance(landed, Committed)
    assert landed.successor
    stored = await side.stored(new.id)
    assert (stored.row.status, stored.row.finished_at, stored.owned) == ("cancelled", 0.0, False)
    assert [logged.event for logged in stored.log[3:]] == [CancelRequested(), RunCancelled()]
    assert [a.state for a in stored.actions] == ["void"]


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "incomplete"])
async def test_a_finished_run_cannot_be_cancelled(side: Side, status: RunStatus) -> None:
    new = await started(side)
    await side.store.commit([finish(await claimed(side), status)])
    before = await side.stored(new.id)

    with pytest.raises(RunAlreadyFinished):
        await side.store.request_cancel(new.id)

    assert await side.stored(new.id) == before


async def test_an_unknown_run_is_not_found(side: Side) -> None:
    assert await side.store.run(new_id()) is None
    with pytest.raises(NotFound):
        await side.store.request_cancel(new_id())
    with pytest.raises(NotFound):
        await side.store.decide(new_id(), decision="approve", answer=None, decided_by="test")


async def test_a_decision_queues_the_run(side: Side) -> None:
    action = await a_parked_run(side)

    row = await side.store.decide(action.id, decision="deny", answer="not now", decided_by="key:1")

    stored = await side.stored(action.run_id)
    assert (timeless(row), row.status, row.last_seq) == (stored.row, "queued", 4)
    assert stored.log[-1].event == RunResumed(action_id=to_wire("act", action.id), decision="deny")
    assert [(a.state, a.decision, a.answer) for a in stored.actions] == [("decided", "deny", "not now")]
    assert (await claimed(side)).lease.run_id == action.run_id


async def test_a_second_decision_is_refused(side: Side) -> None:
    action = await a_parked_run(side)
    await side.store.decide(action.id, decision="approve", answer=None, decided_by="test")
    before = await side.stored(action.run_id)

    with pytest.raises(ActionAlreadyDecided):
        await side.store.decide(action.id, decision="deny", answer=None, decided_by="test")

    assert await side.stored(action.run_id) == before


async def test_of_many_decisions_at_once_exactly_one_wins(side: Side) -> None:
    action = await a_parked_run(side)

    answers = await asyncio.gather(
        *(side.store.decide(action.id, decision=str(n), answer=None, decided_by="t") for n in range(4)),
        return_exceptions=True,
    )

    (winner,) = [n for n, answer in enumerate(answers) if isinstance(answer, RunRow)]
    assert [type(answer) for answer in answers if not isinstance(answer, RunRow)] == [
        ActionAlreadyDecided
    ] * 3
    assert [a.decision for a in (await side.stored(action.run_id)).actions] == [str(winner)]


async def test_the_log_is_read_from_a_cursor_up_to_a_limit(side: Side) -> None:
    runs = [await started(side) for _ in range(2)]
    for _ in runs:
        run = await claimed(side)
        await side.store.commit([a_write(run, *(delta(str(n)) for n in range(4)))])
    one, two = (new.id for new in runs)

    found = await side.store.read({one: 3, two: 5, new_id(): 0}, 2)

    numbers = {run_id: [logged.seq for logged in events] for run_id, events in found.items()}
    assert numbers == {one: [4, 5], two: [6]}
    assert [logged.event for logged in found[one]] == [delta("1"), delta("2")]


async def test_nothing_is_read_beyond_the_end(side: Side) -> None:
    new = await started(side)

    assert dict(await side.store.read({new.id: 1}, 10)) == {}
    assert dict(await side.store.read({new.id: 99}, 10)) == {}
    assert dict(await side.store.read({}, 10)) == {}


async def test_an_events_time_is_when_it_was_stored(side: Side) -> None:
    new = await started(side)
    run = await claimed(side)
    await side.store.commit([hand_over(run)])

    found = await side.store.read({new.id: 0}, 10)

    times = [logged.created_at for logged in found[new.id]]
    assert times == sorted(times)
    row = await side.store.run(new.id)
    assert row is not None
    assert found[new.id][0] == LoggedEvent(seq=1, event=found[new.id][0].event, created_at=row.created_at)
