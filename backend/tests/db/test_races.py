"""Two at once on one run or thread. A lock held by the test makes the order certain."""

import asyncio

import asyncpg

from helium.core.errors import ActionAlreadyDecided, TooManyRuns
from helium.db.run_start import LOCK_ADMISSION
from helium.ports import Committed, RunLimits
from tests.support.factories import an_action, finish, new_run, park
from tests.support.sides import PostgresSide, claimed, started

# Not `pg_stat_activity`: within a transaction that one shows the same picture again and again.
WAITING = "select count(distinct pid) from pg_locks where not granted"


async def waiters(connection: asyncpg.Connection, count: int) -> None:
    """Return once so many connections wait for a lock."""
    async with asyncio.timeout(10):
        found = 0
        while found < count:
            found = await connection.fetchval(WAITING) or 0


async def test_a_decision_and_a_cancellation_do_not_deadlock(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    """Both take the run first. The cancellation is first in line, so the decision comes too late."""
    await started(side)
    run = await claimed(side)
    action = an_action(run)
    await side.store.commit([park(run, action)])
    lock = connection.transaction()
    await lock.start()
    await connection.execute("select 1 from run where id = $1 for no key update", run.lease.run_id)
    cancelling = asyncio.create_task(side.store.request_cancel(run.lease.run_id))
    await waiters(connection, 1)
    deciding = asyncio.create_task(
        side.store.decide(action.id, decision="approve", answer=None, decided_by="test")
    )
    await waiters(connection, 2)
    await lock.rollback()

    status, refused = await asyncio.gather(cancelling, deciding, return_exceptions=True)

    assert (status, type(refused)) == ("cancelled", ActionAlreadyDecided)
    assert await side.broken() == []


async def test_a_run_that_ends_while_it_is_interrupted_makes_room(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    first = await started(side)
    run = await claimed(side)
    lock = connection.transaction()
    await lock.start()
    await connection.execute("select 1 from run where id = $1 for no key update", first.id)
    # The end waits in line before the interruption, which has seen the run active.
    ending = asyncio.create_task(side.store.commit([finish(run)]))
    await waiters(connection, 1)
    new = new_run(first.workspace_id, thread_id=first.thread_id, when_busy="interrupt")
    starting = asyncio.create_task(side.store.start([new, new_run(first.workspace_id)]))
    await waiters(connection, 2)
    await lock.rollback()

    ended, answers = await asyncio.gather(ending, starting)

    assert [type(answer) for answer in (*ended, *answers)] == [Committed] * 3
    assert (await side.stored(first.id)).row.status == "completed"
    assert await side.store.promote(10) == [new.id]
    assert await side.broken() == []


async def test_the_same_request_twice_at_once_on_a_thread_is_one_run(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    """The second finds the thread moved, by the first: its key must be looked at before that."""
    first = await started(side)
    await side.store.commit([finish(await claimed(side))])
    lock = connection.transaction()
    await lock.start()
    await connection.execute("select 1 from thread where id = $1 for no key update", first.thread_id)
    requests = [
        new_run(
            first.workspace_id,
            thread_id=first.thread_id,
            previous_run_id=first.id,
            idempotency_key="k",
            request_hash=b"1",
        )
        for _ in range(2)
    ]
    starting = [asyncio.create_task(side.store.start([new])) for new in requests]
    await waiters(connection, 2)
    await lock.rollback()

    answers = [answer for (answer,) in await asyncio.gather(*starting)]

    (winner,) = [n for n, answer in enumerate(answers) if isinstance(answer, Committed)]
    assert answers[1 - winner] == requests[winner].id


async def test_guard_starts_near_the_bound_wait_for_each_other(
    side: PostgresSide, connection: asyncpg.Connection
) -> None:
    """Both wait for the lock that the test holds; there is room for one of them."""
    workspace = await side.workspace()
    for _ in range(3):
        await started(side, workspace_id=workspace)
    store = side.limited(RunLimits(queued_per_workspace=4)).store
    lock = connection.transaction()
    await lock.start()
    await connection.execute(LOCK_ADMISSION)
    starts = [asyncio.create_task(store.start([new_run(workspace)])) for _ in range(2)]
    await waiters(connection, 2)
    await lock.rollback()

    results = [result for (result,) in await asyncio.gather(*starts)]

    assert [isinstance(result, TooManyRuns) for result in results].count(True) == 1
