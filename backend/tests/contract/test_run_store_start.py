"""`RunStore.start`: every store accepts and refuses the same runs."""

import asyncio
from dataclasses import replace

from helium.core.errors import IdempotencyMismatch, NotFound, ThreadBusy, ThreadMoved
from helium.core.events import CancelRequested, LoggedEvent, RunCancelled, RunQueued
from helium.core.items import user_message
from helium.core.spec import AgentSpec
from helium.kit.ids import new_id
from helium.ports import Committed, RunRow
from tests.support.factories import finish, new_run
from tests.support.sides import Side, claimed, started, timeless, whole_log

QUEUED = LoggedEvent(seq=1, event=RunQueued(agent="default", model="offline:demo"), created_at=0.0)


async def test_an_accepted_run_is_queued_with_one_event(side: Side) -> None:
    new = new_run(await side.workspace(), previous_run_id=new_id())

    (result,) = await side.store.start([new])

    assert isinstance(result, Committed)
    assert result == Committed(1, result.created_at, successor=False)
    row = await side.store.run(new.id)
    assert row is not None
    assert row.created_at == result.created_at
    assert timeless(row) == RunRow(
        id=new.id,
        workspace_id=new.workspace_id,
        thread_id=new.thread_id,
        previous_run_id=new.previous_run_id,
        status="queued",
        spec=AgentSpec(),
        input=(user_message("msg_1", "hello"),),
        attempt=0,
        steps=0,
        tool_calls=0,
        usage=row.usage,
        error_code=None,
        error_message=None,
        last_seq=1,
        created_at=0.0,
        started_at=None,
        finished_at=None,
    )
    assert await whole_log(side.store, new.id) == [QUEUED]
    assert await side.store.due()


async def test_one_refused_entry_does_not_touch_the_others(side: Side) -> None:
    workspace = await side.workspace()
    first = await started(side, workspace_id=workspace, idempotency_key="k", request_hash=b"1")
    batch = [
        new_run(workspace),
        new_run(workspace, thread_id=first.thread_id, new_thread=True),
        new_run(workspace, idempotency_key="k", request_hash=b"1"),
        new_run(workspace, idempotency_key="k", request_hash=b"2"),
        new_run(workspace, thread_id=new_id()),
        new_run(workspace, input=(user_message("msg_1", "\ud800"),)),
        new_run(workspace),
    ]

    results = await side.store.start(batch)

    kinds = [result if result == first.id else type(result) for result in results]
    assert (kinds[0], *kinds[2:5], kinds[6]) == (
        Committed, first.id, IdempotencyMismatch, NotFound, Committed,
    )  # fmt: skip
    assert isinstance(results[1], Exception)
    assert isinstance(results[5], Exception)
    rows = [await side.store.run(new.id) for new in batch]
    assert [row is not None for row in rows] == [True, False, False, False, False, False, True]


async def test_a_key_means_one_request_within_its_workspace_only(side: Side) -> None:
    first = await started(side, idempotency_key="k", request_hash=b"1")
    again = replace(first, id=new_id(), thread_id=new_id())
    other = replace(again, request_hash=b"2")
    abroad = new_run(await side.workspace(), idempotency_key="k", request_hash=b"2")

    same, different, foreign = [(await side.store.start([new]))[0] for new in (again, other, abroad)]

    assert same == first.id
    assert isinstance(different, IdempotencyMismatch)
    assert isinstance(foreign, Committed)


async def test_the_same_key_twice_in_a_batch_starts_one_run(side: Side) -> None:
    workspace = await side.workspace()
    pair = [new_run(workspace, idempotency_key="k", request_hash=b"1") for _ in range(2)]

    one, two = await side.store.start(pair)

    assert isinstance(one, Committed)
    assert two == pair[0].id


async def test_the_same_key_at_once_starts_one_run(side: Side) -> None:
    workspace = await side.workspace()
    requests = [new_run(workspace, idempotency_key="k", request_hash=b"1") for _ in range(4)]

    answers = await asyncio.gather(*(side.store.start([new]) for new in requests))

    results = [answer[0] for answer in answers]
    (winner,) = [new.id for new, r in zip(requests, results, strict=True) if isinstance(r, Committed)]
    assert [r for r in results if not isinstance(r, Committed)] == [winner] * 3


async def test_the_same_key_at_once_on_a_thread_starts_one_run(side: Side) -> None:
    first = await started(side)
    await side.store.commit([finish(await claimed(side))])
    join = new_run(
        first.workspace_id,
        thread_id=first.thread_id,
        previous_run_id=first.id,
        idempotency_key="k",
        request_hash=b"1",
    )
    requests = [replace(join, id=new_id()) for _ in range(4)]

    answers = await asyncio.gather(*(side.store.start([new]) for new in requests))

    results = [answer[0] for answer in answers]
    (winner,) = [new.id for new, r in zip(requests, results, strict=True) if isinstance(r, Committed)]
    assert [r for r in results if not isinstance(r, Committed)] == [winner] * 3


async def test_a_run_goes_on_from_its_threads_last_one(side: Side) -> None:
    first = await started(side)
    await side.store.commit([finish(await claimed(side))])

    second = await started(side, workspace_id=first.workspace_id, thread_id=first.thread_id)

    stored = await side.stored(second.id)
    assert (stored.row.previous_run_id, stored.row.status, stored.held) == (first.id, "queued", False)


async def test_a_busy_thread_rejects_by_default(side: Side) -> None:
    first = await started(side)
    new = new_run(first.workspace_id, thread_id=first.thread_id)

    (refused,) = await side.store.start([new])
    await side.store.commit([finish(await claimed(side))])
    (accepted,) = await side.store.start([new])

    assert isinstance(refused, ThreadBusy)
    assert isinstance(accepted, Committed)


async def test_an_enqueued_run_is_held_behind_the_active_one(side: Side) -> None:
    first = await started(side)
    join = {"workspace_id": first.workspace_id, "thread_id": first.thread_id, "when_busy": "enqueue"}

    second = await started(side, **join)
    third = await started(side, **join)

    rows = [await side.stored(new.id) for new in (first, second, third)]
    assert [(r.row.status, r.held, r.row.previous_run_id) for r in rows] == [
        ("queued", False, None),
        ("queued", True, first.id),
        ("queued", True, second.id),
    ]
    assert (await claimed(side)).lease.run_id == first.id
    assert not await side.store.due()


async def test_an_interrupting_run_cancels_a_queued_one_at_once(side: Side) -> None:
    first = await started(side)

    second = await started(
        side, workspace_id=first.workspace_id, thread_id=first.thread_id, when_busy="interrupt"
    )

    interrupted = await side.stored(first.id)
    assert (interrupted.row.status, interrupted.log) == (
        "cancelled",
        [
            QUEUED,
            LoggedEvent(seq=2, event=CancelRequested(), created_at=0.0),
            LoggedEvent(seq=3, event=RunCancelled(), created_at=0.0),
        ],
    )
    assert await side.store.promote(10) == [second.id]


async def test_an_interrupting_run_marks_one_in_progress(side: Side) -> None:
    first = await started(side)
    worker = new_id()
    run = await claimed(side, worker)

    second = await started(
        side, workspace_id=first.workspace_id, thread_id=first.thread_id, when_busy="interrupt"
    )

    assert await side.store.cancels(worker) == [first.id]
    assert await side.store.promote(10) == []
    (ended,) = await side.store.commit([finish(run, "cancelled")])
    assert isinstance(ended, Committed)
    assert ended.successor
    assert await side.store.promote(10) == [second.id]


async def test_a_thread_that_went_on_has_moved(side: Side) -> None:
    first = await started(side)
    await side.store.commit([finish(await claimed(side))])
    join = new_run(first.workspace_id, thread_id=first.thread_id, previous_run_id=first.id)
    await side.store.start([replace(join, id=new_id())])
    await side.store.commit([finish(await claimed(side))])

    (moved,) = await side.store.start([join])

    assert isinstance(moved, ThreadMoved)
    assert await side.store.run(join.id) is None


async def test_a_foreign_thread_is_not_found(side: Side) -> None:
    first = await started(side)
    stranger = new_run(await side.workspace(), thread_id=first.thread_id, when_busy="interrupt")

    (refused,) = await side.store.start([stranger])

    assert isinstance(refused, NotFound)
    assert (await side.stored(first.id)).row.status == "queued"


async def test_two_starts_on_a_thread_at_once_make_one_active_run(side: Side) -> None:
    first = await started(side)
    await side.store.commit([finish(await claimed(side))])
    requests = [new_run(first.workspace_id, thread_id=first.thread_id) for _ in range(4)]

    answers = await asyncio.gather(*(side.store.start([new]) for new in requests))

    assert sorted(type(answer[0]).__name__ for answer in answers) == ["Committed"] + ["ThreadBusy"] * 3


async def test_odd_characters_are_kept_but_for_nul_in_what_sql_looks_into(side: Side) -> None:
    odd = "a\x00b \\u0000 🪼 \u2028 \x7f"
    new = new_run(
        await side.workspace(),
        spec=AgentSpec(instructions=odd, max_output_tokens=10**30),
        input=(user_message("msg_1", odd),),
        title=odd,
    )

    (result,) = await side.store.start([new])

    assert isinstance(result, Committed)
    row = await side.store.run(new.id)
    assert row is not None
    assert row.input == (user_message("msg_1", odd),)
    assert row.spec == AgentSpec(instructions="a\ufffdb \\u0000 🪼 \u2028 \x7f", max_output_tokens=10**30)
