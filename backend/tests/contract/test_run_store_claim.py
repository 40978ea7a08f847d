"""`RunStore.claim`: who gets which run, and what comes with it."""

from uuid import UUID

from helium.core.budget import Usage
from helium.core.events import ItemAdded, LoggedEvent, RunStarted, StepRetracted
from helium.core.items import assistant_message, user_message
from helium.core.spec import AgentSpec
from helium.kit.ids import new_id
from helium.ports import EffectRow
from tests.support.factories import (
    a_step,
    a_write,
    an_action,
    an_intent,
    delta,
    finish,
    hand_over,
    new_run,
    park,
    tool_items,
)
from tests.support.sides import TTL_SECONDS, Side, claimed, lost, started, whole_log


async def test_runs_are_claimed_oldest_first_up_to_the_limit(side: Side) -> None:
    runs = [await started(side) for _ in range(3)]
    worker = new_id()
    await side.store.renew(worker, TTL_SECONDS)

    first = await side.store.claim(worker, 2)
    rest = await side.store.claim(worker, 2)
    none = await side.store.claim(worker, 2)

    assert [c.lease.run_id for c in (*first, *rest, *none)] == [new.id for new in runs]
    assert [len(first), len(rest), len(none)] == [2, 1, 0]


async def test_each_claim_has_a_new_epoch_a_new_token_and_one_more_attempt(side: Side) -> None:
    new = await started(side)
    worker = new_id()
    first = await claimed(side, worker)
    await lost(side, worker)
    second = await claimed(side, worker)

    told = [
        (c.lease.run_id, c.lease.workspace_id, c.lease.epoch, c.row.attempt, c.row.status, c.next_seq)
        for c in (first, second)
    ]
    assert told == [
        (new.id, new.workspace_id, 1, 1, "in_progress", 3),
        (new.id, new.workspace_id, 2, 2, "in_progress", 5),
    ]
    assert first.lease.token != second.lease.token
    assert [c.attempts_without_progress for c in (first, second)] == [1, 2]
    assert second.row.started_at == first.row.started_at is not None
    starts = [e for e in await whole_log(side.store, new.id) if isinstance(e.event, RunStarted)]
    assert starts == [
        LoggedEvent(seq=2, event=RunStarted(attempt=1), created_at=0.0),
        LoggedEvent(seq=4, event=RunStarted(attempt=2), created_at=0.0),
    ]


async def test_a_first_attempt_has_nothing_behind_it(side: Side) -> None:
    await started(side)

    run = await claimed(side)

    assert (list(run.history), list(run.recorded), list(run.unfinished_items)) == ([], [], [])
    assert (dict(run.effects), dict(run.decisions)) == ({}, {})
    assert (run.cancel_requested, run.lost_tokens, run.attempts_without_progress) == (False, 0, 1)


async def test_a_run_that_is_not_due_yet_stays(side: Side) -> None:
    new = await started(side)
    await side.store.commit([hand_over(await claimed(side), due_in_seconds=3600)])

    early = await side.store.claim(new_id(), 10)
    due_early = await side.store.due()
    await side.make_due(new.id)

    assert (list(early), due_early) == ([], False)
    assert await side.store.due()
    assert (await claimed(side)).lease.run_id == new.id


async def test_the_history_is_the_conversation_of_all_runs_before(side: Side) -> None:
    first = await started(side, input=(user_message("m1", "what time?"),))
    run = await claimed(side)
    call, result = tool_items()
    answer = assistant_message("m2", "noon\x00")
    await side.store.commit([a_write(run, delta(), step=a_step(0, call))])
    at = run.next_seq + 1
    tool = a_step(1, result, kind="tool", name="clock call_1")
    await side.store.commit([a_write(run, delta(), first_seq=at, step=tool)])
    await side.store.commit([finish(run, first_seq=at + 1, step=a_step(2, answer))])
    join = {"workspace_id": first.workspace_id, "thread_id": first.thread_id}
    second = await started(side, **join, input=(user_message("m3", "thanks"),))
    await side.store.commit([finish(await claimed(side))])
    branch = new_run(first.workspace_id, previous_run_id=first.id)
    third = await started(side, **join)
    await side.store.start([branch])

    worker = new_id()
    await side.store.renew(worker, TTL_SECONDS)
    claims = {c.lease.run_id: list(c.history) for c in await side.store.claim(worker, 10)}

    before = [user_message("m1", "what time?"), call, result, answer]
    assert claims == {third.id: [*before, user_message("m3", "thanks")], branch.id: before}
    assert (await side.stored(third.id)).row.previous_run_id == second.id


async def test_a_second_attempt_gets_the_recorded_steps(side: Side) -> None:
    await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    call, result = tool_items()
    used = Usage(input_tokens=3, output_tokens=4)
    steps = [a_step(0, call, usage=used), a_step(1, result, kind="tool", name="clock call_1")]
    for n, step in enumerate(steps):
        await side.store.commit([a_write(run, delta(), first_seq=run.next_seq + n, step=step)])
    await lost(side, worker)

    again = await claimed(side)

    assert list(again.recorded) == [a_step(0, call), steps[1]]
    assert (again.row.steps, again.row.tool_calls, again.row.usage) == (2, 1, used)
    assert again.attempts_without_progress == 1


async def test_a_second_attempt_knows_what_the_dead_one_left_open(side: Side) -> None:
    await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    items = [ItemAdded(index=n, item=assistant_message(f"msg_{n}", "")) for n in range(4)]
    await side.store.commit([a_write(run, items[0], step=a_step(0))])
    retracted = StepRetracted(position=1, items=("msg_1", "msg_9"))
    events = (items[1], delta("\x00"), retracted, items[2], delta(), items[3])
    await side.store.commit([a_write(run, *events, first_seq=run.next_seq + 1)])
    await lost(side, worker)

    again = await claimed(side)

    assert list(again.unfinished_items) == ["msg_2", "msg_3"]


async def test_what_is_retracted_by_the_next_attempt_is_not_open_for_the_one_after(side: Side) -> None:
    await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    await side.store.commit([a_write(run, ItemAdded(index=0, item=assistant_message("msg_1", "")))])
    await lost(side, worker)
    run = await claimed(side, worker)
    await side.store.commit([a_write(run, StepRetracted(position=0, items=("msg_1",)))])
    await lost(side, worker)

    assert list((await claimed(side)).unfinished_items) == []


async def test_a_later_attempt_gets_the_ledger_and_the_last_decisions(side: Side) -> None:
    await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    await side.store.commit([a_write(run, delta(), intent=an_intent("call_1"))])
    await side.store.commit([a_write(run, delta(), first_seq=run.next_seq + 1, intent=an_intent("call_2"))])
    done = a_write(
        run, delta(), first_seq=run.next_seq + 2, step=a_step(0, kind="tool"), effect_done="call_2"
    )
    await side.store.commit([done])
    asked = []
    ids = sorted((new_id() for _ in range(3)), reverse=True)  # asked by machines whose clocks differ
    for kind, decision in (("approval", "approve"), ("in_doubt", "deny"), ("in_doubt", "repeat")):
        await lost(side, worker)
        run = await claimed(side, worker)
        action = an_action(run, id=ids[len(asked)], kind=kind)
        asked.append(action)
        await side.store.commit([park(run, action)])
        await side.store.decide(action.id, decision=decision, answer="so", decided_by="test")

    again = await claimed(side, worker)

    assert dict(again.effects) == {
        "call_1": EffectRow(call_id="call_1", tool="send", arguments_hash=b"hash", state="intent", epoch=1),
        "call_2": EffectRow(call_id="call_2", tool="send", arguments_hash=b"hash", state="done", epoch=1),
    }
    told = {key: (a.id, a.decision, a.answer, a.epoch, a.state) for key, a in again.decisions.items()}
    assert told == {
        ("call_1", "approval"): (asked[0].id, "approve", "so", 2, "decided"),
        ("call_1", "in_doubt"): (asked[2].id, "repeat", "so", 4, "decided"),
    }


async def test_lost_model_calls_are_counted(side: Side) -> None:
    await started(side, spec=AgentSpec(max_output_tokens=50, instructions="\x00"))
    worker = new_id()
    await claimed(side, worker)
    await lost(side, worker)
    await claimed(side, worker)
    await lost(side, worker)

    assert (await claimed(side, worker)).lost_tokens == 100
    await side.store.release(worker)
    assert (await claimed(side, worker)).lost_tokens == 100


async def test_a_run_whose_cancellation_was_asked_for_says_so(side: Side) -> None:
    new = await started(side)
    run = await claimed(side)
    await side.store.request_cancel(new.id)
    await side.store.commit([hand_over(run)])

    assert (await claimed(side)).cancel_requested


async def test_runs_that_lost_three_workers_go_one_at_a_time_and_after_those_that_lost_fewer(
    side: Side,
) -> None:
    worker, other = new_id(), new_id()
    suspects = [(await started(side)).id for _ in range(2)]
    for _ in range(3):
        for _ in suspects:
            await claimed(side, worker)
            side.tick()
        await lost(side, worker)
    twice = (await started(side)).id
    for _ in range(2):
        await claimed_alone(side, other, twice)
        await lost(side, other)
    fresh = (await started(side)).id

    claims = [{c.lease.run_id for c in await side.store.claim(worker, 10)} for _ in range(2)]
    elsewhere = [{c.lease.run_id for c in await side.store.claim(other, 10)} for _ in range(2)]

    assert claims == [{twice, fresh}, set()]
    assert [len(ids) for ids in elsewhere] == [1, 0]
    assert elsewhere[0] < set(suspects)


async def claimed_alone(side: Side, worker: UUID, run_id: UUID) -> None:
    """Only this run goes to the worker: the others wait meanwhile."""
    await side.store.renew(worker, TTL_SECONDS)
    taken = {c.lease.run_id: c for c in await side.store.claim(worker, 10)}
    assert run_id in taken
    for claim in taken.values():
        if claim.lease.run_id != run_id:
            await side.store.abandon(claim.lease)
