"""One directed test for each guard in SQL: it fails if exactly that guard is taken away.

Chaos does not replace these. Two guards often cover for each other, so each test makes the case in
which only its own stands in the way.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import msgspec
import pytest

from helium.core.errors import (
    ActionAlreadyDecided,
    IdempotencyMismatch,
    LeaseLost,
    NotFound,
    RunAlreadyFinished,
    StepMismatch,
    ThreadBusy,
    ThreadMoved,
)
from helium.kit.ids import new_id
from helium.ports import ClaimedRun, Close, Committed, Write
from tests.support.factories import (
    a_step,
    a_write,
    an_action,
    delta,
    finish,
    new_run,
    park,
)
from tests.support.sides import PostgresSide, claimed, started


async def refusal(side: PostgresSide, write: Write) -> type[object]:
    """The class of the answer; nothing of the run may have changed."""
    before = await side.stored(write.lease.run_id)
    (result,) = await side.store.commit([write])
    assert await side.stored(write.lease.run_id) == before
    return type(result)


async def a_claimed_run(side: PostgresSide) -> ClaimedRun:
    await started(side)
    return await claimed(side)


def shapes(run: ClaimedRun) -> Sequence[Write]:
    """The same write through both statements: APPEND, and COMMIT with a step and with an end."""
    return a_write(run, delta()), a_write(run, delta(), step=a_step(0)), finish(run)


async def test_guard_epoch_of_the_token(side: PostgresSide) -> None:
    # event_log.APPEND and .COMMIT: `run.epoch = w.epoch`
    run = await a_claimed_run(side)

    for epoch in (run.lease.epoch - 1, run.lease.epoch + 1):
        other = replace(run, lease=replace(run.lease, epoch=epoch))
        for write in shapes(other):
            assert await refusal(side, write) is LeaseLost


async def test_guard_uuid_of_the_token(side: PostgresSide) -> None:
    # event_log.APPEND and .COMMIT: `run.owner_token = w.token` (A1: a failover gave the epoch out twice)
    run = await a_claimed_run(side)
    twin = replace(run, lease=replace(run.lease, token=new_id()))

    for write in shapes(twin):
        assert await refusal(side, write) is LeaseLost


async def test_guard_first_number(side: PostgresSide) -> None:
    # event_log.APPEND and .COMMIT: `run.next_seq = w.first_seq`. Too high would leave a gap; too low
    # would meet the primary key of `event`, an error instead of an answer.
    run = await a_claimed_run(side)

    for first_seq in (run.next_seq + 1, run.next_seq - 1):
        for write in shapes(run):
            assert await refusal(side, msgspec.structs.replace(write, first_seq=first_seq)) is StepMismatch


async def test_guard_step_position(side: PostgresSide) -> None:
    # event_log.COMMIT: `w.step is null or run.steps = w.step`
    run = await a_claimed_run(side)

    for position in (1, 7):
        assert await refusal(side, a_write(run, delta(), step=a_step(position))) is StepMismatch
    await side.store.commit([a_write(run, delta(), step=a_step(0))])
    again = a_write(run, delta(), first_seq=run.next_seq + 1, step=a_step(0))
    assert await refusal(side, again) is StepMismatch


async def test_guard_one_active_run_of_a_thread(side: PostgresSide) -> None:
    # 0001_core: unique index `run_one_active`
    first = await started(side)
    await side.store.commit([finish(await claimed(side))])
    joins = [new_run(first.workspace_id, thread_id=first.thread_id) for _ in range(2)]

    answers = await asyncio.gather(*(side.store.start([new]) for new in joins))

    assert sorted(type(answer[0]).__name__ for answer in answers) == ["Committed", "ThreadBusy"]


async def test_guard_one_active_run_even_by_hand(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    # 0001_core: unique index `run_one_active`
    first = await started(side)

    with pytest.raises(asyncpg.UniqueViolationError, match="run_one_active"):
        await connection.execute(
            "insert into run (id, workspace_id, thread_id, spec, input) values ($1, $2, $3, '{}', '[]')",
            new_id(),
            first.workspace_id,
            first.thread_id,
        )


async def test_guard_a_busy_thread_is_told_apart(side: PostgresSide) -> None:
    # run_store._insert_run: `when_busy == "reject"`
    first = await started(side)

    (refused,) = await side.store.start([new_run(first.workspace_id, thread_id=first.thread_id)])

    assert isinstance(refused, ThreadBusy)


async def test_guard_a_closed_lease_is_worth_nothing(side: PostgresSide) -> None:
    # event_log.COMMIT: `owner_token = case when w.status is null then run.owner_token end`
    run = await a_claimed_run(side)
    await side.store.commit([finish(run)])

    for write in shapes(run):
        late = msgspec.structs.replace(write, first_seq=run.next_seq + 1)
        assert await refusal(side, late) is LeaseLost


async def test_guard_a_run_that_was_given_back_has_no_owner(side: PostgresSide) -> None:
    # run_queue._GIVE_BACK: `owner_token = null`
    await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    await side.expire(worker)
    await side.store.requeue_expired(1)

    for write in shapes(run):
        late = msgspec.structs.replace(write, first_seq=run.next_seq + 1)
        assert await refusal(side, late) is LeaseLost


async def test_guard_a_finished_run_is_not_cancelled(side: PostgresSide) -> None:
    # run_store._cancel_in: `if is_terminal(run.status)`
    run = await a_claimed_run(side)
    await side.store.commit([finish(run)])
    before = await side.stored(run.lease.run_id)

    with pytest.raises(RunAlreadyFinished):
        await side.store.request_cancel(run.lease.run_id)

    assert await side.stored(run.lease.run_id) == before


async def test_guard_a_finished_run_is_not_resumed(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    # run_queue.RESUME: `and status = 'requires_action'`. The action is made pending again by hand,
    # because cancelling voids it: this is the second line.
    run = await a_claimed_run(side)
    action = an_action(run)
    await side.store.commit([park(run, action)])
    await side.store.request_cancel(run.lease.run_id)
    before = await side.stored(run.lease.run_id)
    await connection.execute("update action set state = 'pending' where id = $1", action.id)

    with pytest.raises(RunAlreadyFinished):
        await side.store.decide(action.id, decision="approve", answer=None, decided_by="test")

    await connection.execute("update action set state = 'void' where id = $1", action.id)
    assert await side.stored(run.lease.run_id) == before


async def test_guard_a_cancelled_runs_action_is_void(side: PostgresSide) -> None:
    # run_store._cancel_in: `VOID_ACTIONS`
    run = await a_claimed_run(side)
    action = an_action(run)
    await side.store.commit([park(run, action)])
    await side.store.request_cancel(run.lease.run_id)

    with pytest.raises(ActionAlreadyDecided):
        await side.store.decide(action.id, decision="approve", answer=None, decided_by="test")


@pytest.mark.parametrize("status", ["completed", "requires_action", "queued"])
async def test_guard_only_runs_in_progress_are_requeued(
    side: PostgresSide, connection: asyncpg.Connection, status: str
) -> None:
    # run_queue.REQUEUE_EXPIRED: `r.status = 'in_progress'` (and the same again in _GIVE_BACK)
    await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    close: dict[str, Write] = {
        "completed": finish(run),
        "requires_action": park(run, an_action(run)),
        "queued": a_write(run, delta(), close=Close(status="queued")),
    }
    await side.store.commit([close[status]])
    await side.expire(worker)
    before = await side.stored(run.lease.run_id)

    assert list(await side.store.requeue_expired(10)) == []
    assert await side.stored(run.lease.run_id) == before


async def test_guard_a_run_that_finishes_while_it_is_taken_back_stays_finished(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    # run_queue.REQUEUE_EXPIRED: `for no key update of r skip locked`
    await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    await side.expire(worker)
    async with connection.transaction():
        await connection.execute(
            "update run set status = 'completed', owner_token = null, worker_id = null where id = $1",
            run.lease.run_id,
        )
        assert list(await asyncio.wait_for(side.store.requeue_expired(10), 5)) == []
    assert list(await side.store.requeue_expired(10)) == []


async def test_guard_a_living_worker_keeps_its_runs(side: PostgresSide) -> None:
    # run_queue.REQUEUE_EXPIRED: `w.lease_expires_at < clock_timestamp()`
    run = await a_claimed_run(side)
    before = await side.stored(run.lease.run_id)

    assert list(await side.store.requeue_expired(10)) == []
    assert await side.stored(run.lease.run_id) == before


async def test_guard_an_action_is_decided_once(side: PostgresSide) -> None:
    # run_queue.DECIDE: `and state = 'pending'`. The run is parked again with another question, so that
    # only the action's own state stands in the way.
    run = await a_claimed_run(side)
    first = an_action(run)
    await side.store.commit([park(run, first)])
    await side.store.decide(first.id, decision="deny", answer=None, decided_by="test")
    run = await claimed(side)
    await side.store.commit([park(run, an_action(run))])
    before = await side.stored(run.lease.run_id)

    with pytest.raises(ActionAlreadyDecided):
        await side.store.decide(first.id, decision="approve", answer=None, decided_by="test")

    assert await side.stored(run.lease.run_id) == before


async def test_guard_a_run_asks_one_question_at_a_time(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    # 0001_core: unique index `action_one_pending`
    run = await a_claimed_run(side)
    await side.store.commit([park(run, an_action(run))])

    with pytest.raises(asyncpg.UniqueViolationError, match="action_one_pending"):
        await connection.execute(
            """insert into action (id, workspace_id, run_id, call_id, kind, epoch, subject_hash, prompt)
            select $1, workspace_id, id, 'c', 'approval', 1, '', '' from run where id = $2""",
            new_id(),
            run.lease.run_id,
        )


async def a_key(side: PostgresSide, workspace_id: UUID, key: str, body: bytes) -> object:
    new = new_run(workspace_id, idempotency_key=key, request_hash=body)
    (result,) = await side.store.start([new])
    return new.id if isinstance(result, Committed) else result


async def test_guard_a_key_belongs_to_its_workspace(side: PostgresSide) -> None:
    # run_start.KNOWN_KEY: `workspace_id = $1`; 0001_core: primary key (workspace_id, key)
    ours, theirs = await side.workspace(), await side.workspace()

    first = await a_key(side, ours, "k", b"1")
    foreign = await a_key(side, theirs, "k", b"1")

    assert isinstance(first, UUID)
    assert isinstance(foreign, UUID)
    assert first != foreign
    assert [await a_key(side, w, "k", b"1") for w in (ours, theirs)] == [first, foreign]


async def test_guard_a_key_stands_for_one_request(side: PostgresSide) -> None:
    # run_store._known_key: `row["request_hash"] != new.request_hash`
    workspace = await side.workspace()
    await a_key(side, workspace, "k", b"1")

    assert isinstance(await a_key(side, workspace, "k", b"2"), IdempotencyMismatch)


async def test_guard_a_thread_belongs_to_its_workspace(side: PostgresSide) -> None:
    # run_start.JOIN_THREAD: `and workspace_id = $2`
    first = await started(side)
    await side.store.commit([finish(await claimed(side))])

    (refused,) = await side.store.start(
        [new_run(await side.workspace(), thread_id=first.thread_id, when_busy="interrupt")]
    )

    assert isinstance(refused, NotFound)


async def test_guard_a_run_continues_the_head_of_its_thread(side: PostgresSide) -> None:
    # run_store._join_thread: `new.previous_run_id not in (None, head["head_run_id"])`
    first = await started(side)
    await side.store.commit([finish(await claimed(side))])

    (refused,) = await side.store.start(
        [new_run(first.workspace_id, thread_id=first.thread_id, previous_run_id=new_id())]
    )

    assert isinstance(refused, ThreadMoved)


async def test_guard_a_run_is_claimed_by_one_worker(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    # run_queue.CLAIM: `for no key update skip locked`
    new = await started(side)
    async with connection.transaction():
        await connection.fetch("select 1 from run where id = $1 for no key update", new.id)
        assert list(await asyncio.wait_for(side.store.claim(new_id(), 1), 5)) == []

    claims = await asyncio.gather(*(side.store.claim(new_id(), 1) for _ in range(4)))
    assert sorted(len(runs) for runs in claims) == [0, 0, 0, 1]


async def test_guard_the_landed_write_is_known_by_its_words_and_epoch(side: PostgresSide) -> None:
    # event_log.LANDED: `e.epoch = w.epoch and e.payload::text = w.payload`
    run = await a_claimed_run(side)
    await side.store.commit([a_write(run, delta("a"))])

    assert await refusal(side, a_write(run, delta("b"))) is StepMismatch
    older = replace(run, lease=replace(run.lease, epoch=0))
    assert await refusal(side, a_write(older, delta("a"))) is LeaseLost
