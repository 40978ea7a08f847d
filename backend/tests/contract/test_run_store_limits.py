"""How many runs are let in and run at once, and who comes first when many wait."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from helium.core.errors import TooManyRuns
from helium.core.events import encode_event
from helium.kit.ids import new_id
from helium.ports import ClaimedRun, RunLimits, Standing
from tests.support.factories import a_write, an_action, delta, finish, hand_over, new_run, park
from tests.support.sides import TTL_SECONDS, Side, claimed, started


async def many(side: Side, workspace_id: UUID, count: int) -> None:
    results = await side.store.start([new_run(workspace_id) for _ in range(count)])
    assert [r for r in results if isinstance(r, Exception)] == []
    side.tick()


async def taken(side: Side, limit: int, worker: UUID | None = None) -> Sequence[ClaimedRun]:
    worker = worker or new_id()
    await side.store.renew(worker, TTL_SECONDS)
    return await side.store.claim(worker, limit)


def by_workspace(runs: Sequence[ClaimedRun]) -> Counter[UUID]:
    return Counter(run.lease.workspace_id for run in runs)


async def test_a_workspace_with_many_waiting_runs_leaves_the_others_their_share(side: Side) -> None:
    loud, quiet = [await side.workspace() for _ in range(2)]
    await many(side, loud, 40)
    await many(side, quiet, 3)

    first = await taken(side, 10)

    assert by_workspace(first) == {loud: 5, quiet: 3}


async def test_who_has_the_fewest_running_runs_comes_first(side: Side) -> None:
    loud, quiet = [await side.workspace() for _ in range(2)]
    await many(side, loud, 20)
    await taken(side, 10)
    await many(side, quiet, 2)

    next_ones = [await taken(side, 1) for _ in range(3)]

    assert [by_workspace(runs) for runs in next_ones] == [{quiet: 1}, {quiet: 1}, {loud: 1}]


async def test_a_workspace_runs_as_many_as_it_may(side: Side) -> None:
    side = side.limited(RunLimits(running_per_workspace=3))
    full, other = [await side.workspace() for _ in range(2)]
    await many(side, full, 6)
    await many(side, other, 1)

    first = [*await taken(side, 4), *await taken(side, 4), *await taken(side, 4)]
    await side.store.commit([finish(next(r for r in first if r.lease.workspace_id == full))])
    after_one_ended = await taken(side, 10)

    assert by_workspace(first) == {full: 3, other: 1}
    assert by_workspace(after_one_ended) == {full: 1}


async def test_all_together_run_as_many_as_may_run(side: Side) -> None:
    side = side.limited(RunLimits(running=4))
    for workspace in [await side.workspace() for _ in range(2)]:
        await many(side, workspace, 4)

    assert len([*await taken(side, 3), *await taken(side, 3), *await taken(side, 3)]) == 4


async def test_more_waiting_runs_than_a_workspace_may_have_are_refused(side: Side) -> None:
    side = side.limited(RunLimits(queued_per_workspace=5))
    full, other = [await side.workspace() for _ in range(2)]
    news = [new_run(full) for _ in range(7)]

    results = await side.store.start([*news, new_run(other)])

    assert [isinstance(result, TooManyRuns) for result in results] == [False] * 5 + [True] * 2 + [False]
    assert await side.store.run(news[6].id) is None


async def test_a_request_that_was_accepted_before_is_answered_again_by_a_full_queue(side: Side) -> None:
    side = side.limited(RunLimits(queued_per_workspace=1))
    workspace = await side.workspace()
    first = new_run(workspace, idempotency_key="k", request_hash=b"1")
    again = new_run(workspace, idempotency_key="k", request_hash=b"1")
    await side.store.start([first])

    assert await side.store.start([again]) == [first.id]


async def test_more_waiting_runs_than_there_may_be_in_all_are_refused(side: Side) -> None:
    side = side.limited(RunLimits(queued=4))
    one, two = [await side.workspace() for _ in range(2)]

    first = await side.store.start([new_run(one) for _ in range(3)])
    second = await side.store.start([new_run(two) for _ in range(3)])

    assert [isinstance(result, TooManyRuns) for result in [*first, *second]] == [False] * 4 + [True] * 2


async def test_a_run_that_started_leaves_its_place_in_the_queue(side: Side) -> None:
    side = side.limited(RunLimits(queued_per_workspace=1))
    workspace = await side.workspace()
    await many(side, workspace, 1)
    await taken(side, 1)

    (result,) = await side.store.start([new_run(workspace)])

    assert not isinstance(result, Exception)


async def test_a_run_behind_another_one_of_its_thread_waits_too(side: Side) -> None:
    side = side.limited(RunLimits(queued_per_workspace=2))
    first = await started(side)
    behind = new_run(first.workspace_id, thread_id=first.thread_id, when_busy="enqueue")
    third = new_run(first.workspace_id, thread_id=first.thread_id, when_busy="enqueue")

    (accepted,) = await side.store.start([behind])
    (refused,) = await side.store.start([third])

    assert not isinstance(accepted, Exception)
    assert isinstance(refused, TooManyRuns)


async def test_starts_at_the_same_moment_do_not_get_past_the_bound_together(side: Side) -> None:
    side = side.limited(RunLimits(queued_per_workspace=10))
    workspace = await side.workspace()
    await many(side, workspace, 8)

    results = await asyncio.gather(*(side.store.start([new_run(workspace)]) for _ in range(8)))

    assert sum(isinstance(result, TooManyRuns) for (result,) in results) == 6


async def test_the_runs_that_a_queue_delivered_are_claimed_and_no_others(side: Side) -> None:
    first, second = await started(side), await started(side)
    worker = new_id()
    await side.store.renew(worker, TTL_SECONDS)

    taken_now = await side.store.claim_these(worker, [second.id, new_id()])
    again = await side.store.claim_these(worker, [second.id])

    assert [run.lease.run_id for run in taken_now] == [second.id]
    assert list(again) == []
    assert [run.lease.run_id for run in await taken(side, 9)] == [first.id]


async def test_a_delivered_run_waits_while_its_workspace_runs_as_many_as_it_may(side: Side) -> None:
    side = side.limited(RunLimits(running_per_workspace=1))
    workspace = await side.workspace()
    one, two = [await started(side, workspace_id=workspace) for _ in range(2)]
    worker = new_id()
    await side.store.renew(worker, TTL_SECONDS)

    both = await side.store.claim_these(worker, [one.id, two.id])
    still_full = await side.store.claim_these(worker, [two.id])

    assert [run.lease.run_id for run in both] == [one.id]
    assert list(still_full) == []


async def test_a_run_that_was_due_for_a_moment_only_is_left_to_its_queue(side: Side) -> None:
    new = await started(side)
    worker = new_id()
    await side.store.renew(worker, TTL_SECONDS)

    assert list(await side.store.claim(worker, 9, overdue_seconds=3600)) == []
    assert [r.lease.run_id for r in await side.store.claim(worker, 9)] == [new.id]


async def test_where_a_run_stands_is_told_for_each_state(side: Side) -> None:
    running = await started(side)
    await claimed(side)
    waiting = await started(side)
    await side.store.commit([park(held := await claimed(side), an_action(held))])
    later = await started(side)
    await side.store.commit([hand_over(await claimed(side), due_in_seconds=1000)])
    done = await started(side)
    await side.store.commit([finish(await claimed(side), "failed")])
    runs = (running, waiting, later, done)

    found = await side.store.standing([*(new.id for new in runs), new_id()])

    assert {new.id: found[new.id].status for new in runs} == {
        running.id: "in_progress",
        waiting.id: "requires_action",
        later.id: "queued",
        done.id: "failed",
    }
    assert len(found) == 4
    assert 0 < found[running.id].lease_seconds <= TTL_SECONDS
    assert 900 < found[later.id].due_in_seconds <= 1000
    assert isinstance(found[done.id], Standing)


async def test_what_a_queue_did_not_deliver_is_told_once_in_a_while(side: Side) -> None:
    new = await started(side)
    await side.store.commit([hand_over(await claimed(side), due_in_seconds=1000)])
    late = await started(side)

    not_yet = await side.store.overdue(3600, 60, 10)
    first = await side.store.overdue(0, 60, 10)
    again = await side.store.overdue(0, 60, 10)
    side.tick()
    after_a_while = await side.store.overdue(0, 0, 10)

    assert new.id != late.id
    assert [list(not_yet), list(first), list(again), list(after_a_while)] == [[], [late.id], [], [late.id]]


async def test_a_page_of_the_log_holds_no_more_than_its_bytes_and_one_event(side: Side) -> None:
    new = await started(side)
    run = await claimed(side)
    await side.store.commit([a_write(run, *(delta("x" * 20_000) for _ in range(9)))])

    seen: list[int] = []
    pages = 0
    while len(seen) < 11:
        page = (await side.store.read({new.id: seen[-1] if seen else 0}, 500))[new.id]
        assert sum(len(encode_event(logged.event)) for logged in page) < 100_000
        seen += [logged.seq for logged in page]
        pages += 1

    assert (seen, pages) == (list(range(1, 12)), 3)
