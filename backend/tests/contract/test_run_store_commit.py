"""`RunStore.commit`: what lands, what is refused, and that a refusal stays with its run."""

from dataclasses import replace
from typing import Any

import pytest

from helium.core.budget import Usage
from helium.core.errors import LeaseLost, StepMismatch
from helium.core.events import ActionRequired, Event, LoggedEvent, RunFailed, RunRequeued
from helium.core.items import assistant_message
from helium.core.states import RunStatus
from helium.core.steps import StepResult
from helium.kit.ids import new_id, to_wire
from helium.ports import ClaimedRun, Close, Committed, EffectRow, Lease, Write
from tests.support.factories import (
    FINAL,
    USAGE,
    a_step,
    a_write,
    an_action,
    an_intent,
    delta,
    finish,
    hand_over,
    park,
)
from tests.support.sides import Side, claimed, lost, started


async def committed(side: Side, *writes: Write) -> list[Committed]:
    results = await side.store.commit(writes)
    assert all(isinstance(result, Committed) for result in results), results
    return [result for result in results if isinstance(result, Committed)]


async def refused(side: Side, write: Write) -> type[object]:
    """The class of the answer; nothing of the run may have changed."""
    before = await side.stored(write.lease.run_id)
    (result,) = await side.store.commit([write])
    assert await side.stored(write.lease.run_id) == before
    return type(result)


async def a_claimed_run(side: Side, **changes: object) -> ClaimedRun:
    await started(side, **changes)
    return await claimed(side)


async def test_events_get_the_next_numbers_and_are_readable_at_once(side: Side) -> None:
    run = await a_claimed_run(side)

    (first,) = await committed(side, a_write(run, delta("a"), delta("b")))
    (second,) = await committed(side, a_write(run, delta("c"), first_seq=5))

    assert [(first.first_seq, first.successor), (second.first_seq, second.successor)] == [
        (3, False),
        (5, False),
    ]
    found = await side.store.read({run.lease.run_id: 2}, 10)
    assert found == {
        run.lease.run_id: [
            LoggedEvent(seq=3, event=delta("a"), created_at=first.created_at),
            LoggedEvent(seq=4, event=delta("b"), created_at=first.created_at),
            LoggedEvent(seq=5, event=delta("c"), created_at=second.created_at),
        ]
    }


async def test_a_step_is_recorded_with_its_usage(side: Side) -> None:
    run = await a_claimed_run(side)
    steps = [
        a_step(0, usage=USAGE),
        a_step(1, kind="tool", name="clock call_1", usage=USAGE),
        a_step(2, result=StepResult(finish="length", model="m")),
    ]

    for n, step in enumerate(steps):
        await committed(side, a_write(run, delta(), first_seq=3 + n, step=step))

    stored = await side.stored(run.lease.run_id)
    assert list(stored.steps) == [replace(step, usage=Usage()) for step in steps]
    row = stored.row
    assert (row.steps, row.tool_calls, row.usage, row.last_seq) == (3, 1, USAGE + USAGE, 5)
    assert (stored.boundary_seq, stored.attempts_without_progress, stored.owned) == (6, 0, True)


async def test_many_runs_commit_at_once_each_under_its_own_token(side: Side) -> None:
    runs = [await a_claimed_run(side) for _ in range(4)]
    away = replace(runs[1], lease=replace(runs[1].lease, token=new_id()))
    writes = [
        a_write(runs[3], delta("d"), step=a_step(0)),
        a_write(away, delta("b")),
        finish(runs[0]),
        a_write(runs[2], delta("c"), first_seq=9),
    ]

    results = await side.store.commit(writes)

    assert [type(result) for result in results] == [Committed, LeaseLost, Committed, StepMismatch]
    last = [(await side.stored(run.lease.run_id)).row.last_seq for run in runs]
    assert last == [3, 2, 2, 3]


async def test_a_write_that_cannot_be_stored_does_not_touch_the_others(side: Side) -> None:
    runs = [await a_claimed_run(side) for _ in range(2)]

    bad, good = await side.store.commit(
        [a_write(runs[0], delta("\ud800"), step=a_step(0)), a_write(runs[1], delta(), step=a_step(0))]
    )

    assert isinstance(bad, Exception)
    assert isinstance(good, Committed)
    assert [(await side.stored(run.lease.run_id)).row.steps for run in runs] == [0, 1]


async def test_an_intent_is_written_and_settled(side: Side) -> None:
    run = await a_claimed_run(side)
    effect = EffectRow(call_id="call_1", tool="send", arguments_hash=b"hash", state="intent", epoch=1)

    await committed(side, a_write(run, intent=an_intent()))
    begun = (await side.stored(run.lease.run_id)).effects
    step = a_step(0, kind="tool")
    await committed(side, a_write(run, delta(), step=step, effect_done="call_1"))
    settled = (await side.stored(run.lease.run_id)).effects

    assert (list(begun), list(settled)) == ([effect], [replace(effect, state="done")])


async def test_an_intent_that_is_begun_again_names_its_new_lease(side: Side) -> None:
    run = await a_claimed_run(side)
    worker = (await side.stored(run.lease.run_id)).worker_id
    assert worker is not None
    await committed(side, a_write(run, delta(), intent=an_intent()))
    await lost(side, worker)
    run = await claimed(side, worker)
    doubt = an_action(run, kind="in_doubt")
    await committed(side, park(run, doubt))
    await side.store.decide(doubt.id, decision="repeat", answer=None, decided_by="test")
    run = await claimed(side, worker)

    await committed(side, a_write(run, delta(), intent=an_intent()))

    (effect,) = (await side.stored(run.lease.run_id)).effects
    assert (effect.state, effect.epoch) == ("intent", 3)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "incomplete"])
async def test_a_run_ends(side: Side, status: RunStatus) -> None:
    run = await a_claimed_run(side)
    close = Close(status=status, error_code="model_error", error_message="No\x00.")
    end = a_write(run, FINAL[status], step=a_step(0, usage=USAGE), close=close)

    await committed(side, end)

    stored = await side.stored(run.lease.run_id)
    row = stored.row
    assert (row.status, row.error_code, row.error_message) == (status, "model_error", "No\ufffd.")
    assert (row.usage, row.steps, row.last_seq, row.finished_at) == (USAGE, 1, 3, 0.0)
    assert (stored.owned, stored.worker_id, stored.log[-1].event) == (False, None, FINAL[status])


async def test_a_run_goes_back_to_the_queue(side: Side) -> None:
    run = await a_claimed_run(side)

    await committed(side, hand_over(run))

    stored = await side.stored(run.lease.run_id)
    assert (stored.row.status, stored.owned, stored.worker_id) == ("queued", False, None)
    assert (stored.attempts_without_progress, stored.boundary_seq) == (0, 4)
    assert stored.log[-1].event == RunRequeued(reason="slice_over")
    assert (await claimed(side)).row.attempt == 2


async def test_a_failed_attempt_counts_towards_poison(side: Side) -> None:
    run = await a_claimed_run(side)
    event = RunRequeued(reason="error")

    await committed(side, a_write(run, event, close=Close(status="queued")))

    assert (await claimed(side)).attempts_without_progress == 2


async def test_a_run_is_parked_with_its_question(side: Side) -> None:
    run = await a_claimed_run(side)
    action = an_action(run, prompt="Send\x00 it?", arguments=None)

    await committed(side, park(run, action))

    stored = await side.stored(run.lease.run_id)
    assert (stored.row.status, stored.owned, stored.worker_id) == ("requires_action", False, None)
    assert list(stored.actions) == [replace(action, prompt="Send\ufffd it?", epoch=1)]
    assert stored.log[-1].event == ActionRequired(
        action_id=to_wire("act", action.id), kind="approval", prompt="Send\x00 it?"
    )
    assert (list(await side.store.claim(new_id(), 10)), await side.store.due()) == ([], False)


async def test_the_end_tells_whether_another_run_waits_behind(side: Side) -> None:
    new = await started(side)
    run = await claimed(side)
    await started(side, workspace_id=new.workspace_id, thread_id=new.thread_id, when_busy="enqueue")
    other = await a_claimed_run(side)

    results = await committed(side, finish(other), finish(run))

    assert [result.successor for result in results] == [False, True]


async def test_a_run_taken_over_refuses_its_former_holder(side: Side) -> None:
    former = await a_claimed_run(side)
    worker = (await side.stored(former.lease.run_id)).worker_id
    assert worker is not None
    await lost(side, worker)
    await claimed(side)

    assert await refused(side, a_write(former, delta())) is LeaseLost
    assert await refused(side, a_write(former, delta(), first_seq=5)) is LeaseLost
    assert await refused(side, a_write(former, delta(), first_seq=5, step=a_step(0))) is LeaseLost


async def test_an_unknown_run_has_no_lease(side: Side) -> None:
    nobody = Lease(new_id(), new_id(), 1, new_id())

    (result,) = await side.store.commit([Write(lease=nobody, first_seq=1, events=(delta(),))])

    assert isinstance(result, LeaseLost)


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_seq": 2},
        {"first_seq": 4},
        {"step": a_step(1)},
        {"step": a_step(0), "first_seq": 4},
        {"intent": an_intent(), "first_seq": 4},
        {"close": Close(status="completed"), "first_seq": 4},
    ],
)
async def test_what_is_not_the_next_is_refused_whole(side: Side, wrong: dict[str, Any]) -> None:
    run = await a_claimed_run(side)

    assert await refused(side, a_write(run, delta(), **wrong)) is StepMismatch


async def test_the_same_write_again_has_landed(side: Side) -> None:
    run = await a_claimed_run(side)
    events: tuple[Event, ...] = (delta("a\x00"), delta("\\u0000 🪼"))
    for number, write in enumerate(
        [
            a_write(run, *events),
            a_write(run, *events, first_seq=5, step=a_step(0, usage=USAGE)),
            finish(run, "failed", first_seq=7, step=a_step(1)),
        ]
    ):
        (first,) = await committed(side, write)
        before = await side.stored(run.lease.run_id)
        (again,) = await committed(side, write)

        assert (again.first_seq, again.created_at) == (first.first_seq, first.created_at), number
        assert await side.stored(run.lease.run_id) == before


@pytest.mark.parametrize("ending", ["finish", "hand_over", "park"])
async def test_a_closed_lease_can_write_nothing_more(side: Side, ending: str) -> None:
    run = await a_claimed_run(side)
    ends = {"finish": finish(run), "hand_over": hand_over(run), "park": park(run, an_action(run))}
    await committed(side, ends[ending])

    assert await refused(side, a_write(run, delta(), first_seq=4)) is LeaseLost
    assert await refused(side, finish(run, "failed", first_seq=4)) is LeaseLost
    assert await refused(side, a_write(run, first_seq=4)) is LeaseLost


async def test_odd_characters_survive_in_events_and_steps(side: Side) -> None:
    run = await a_claimed_run(side)
    odd = 'a\x00b \\u0000 "🪼" \u2028 \x7f \x1f'
    step = a_step(0, assistant_message("msg_2", odd), name="tool\x00")
    event = RunFailed(code="c", message=odd)

    await committed(side, a_write(run, delta(odd), event, step=step, close=Close(status="failed")))

    stored = await side.stored(run.lease.run_id)
    assert [logged.event for logged in stored.log[2:]] == [delta(odd), event]
    assert list(stored.steps) == [replace(step, name="tool\ufffd")]
