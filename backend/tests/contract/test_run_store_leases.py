"""Leases: renewed, given back, expired; and the runs that wait behind others."""

from uuid import UUID

from helium.core.events import LoggedEvent, RunCancelled, RunRequeued
from helium.core.spec import AgentSpec
from helium.kit.ids import new_id
from tests.support.factories import (
    USAGE,
    a_step,
    a_write,
    an_action,
    delta,
    finish,
    hand_over,
    new_run,
    park,
)
from tests.support.sides import TTL_SECONDS, Side, claimed, started


async def test_a_lost_workers_runs_are_requeued(side: Side) -> None:
    news = [await started(side, spec=AgentSpec(max_output_tokens=n)) for n in (None, 7)]
    worker = new_id()
    await side.store.renew(worker, TTL_SECONDS)
    await side.store.claim(worker, 2)
    await side.expire(worker)

    taken = await side.store.requeue_expired(10)

    assert sorted(taken) == sorted(new.id for new in news)
    stored = [await side.stored(new.id) for new in news]
    assert [(s.row.status, s.owned, s.worker_id, s.lost_tokens, s.epoch) for s in stored] == [
        ("queued", False, None, 1024, 1),
        ("queued", False, None, 7, 1),
    ]
    requeued = LoggedEvent(seq=3, event=RunRequeued(reason="lease_expired"), created_at=0.0)
    assert [s.log[2:] for s in stored] == [[requeued], [requeued]]
    assert (list(await side.store.requeue_expired(10)), await side.store.due()) == ([], True)


async def test_expired_runs_are_taken_back_up_to_the_limit(side: Side) -> None:
    worker = new_id()
    for _ in range(3):
        await started(side)
    await side.store.renew(worker, TTL_SECONDS)
    await side.store.claim(worker, 3)
    await side.expire(worker)

    assert [len(await side.store.requeue_expired(2)) for _ in range(3)] == [2, 1, 0]


async def test_a_run_cancelled_while_its_worker_was_lost_is_cancelled(side: Side) -> None:
    new = await started(side)
    worker = new_id()
    run = await claimed(side, worker)
    await side.store.commit([a_write(run, delta(), step=a_step(0, usage=USAGE))])
    await side.store.request_cancel(new.id)
    await side.expire(worker)

    taken = await side.store.requeue_expired(10)

    stored = await side.stored(new.id)
    assert (list(taken), stored.row.status, stored.row.finished_at) == ([new.id], "cancelled", 0.0)
    assert stored.log[-1].event == RunCancelled(usage=USAGE)
    assert (stored.owned, stored.worker_id, await side.store.due()) == (False, None, False)


async def test_a_living_workers_runs_are_left_alone(side: Side) -> None:
    new = await started(side)
    worker = new_id()
    await claimed(side, worker)
    before = await side.stored(new.id)

    assert list(await side.store.requeue_expired(10)) == []
    assert await side.stored(new.id) == before


async def test_a_renewal_saves_runs_whose_lease_had_expired(side: Side) -> None:
    worker = new_id()
    await started(side)
    run = await claimed(side, worker)
    await side.expire(worker)
    await side.store.renew(worker, TTL_SECONDS)

    assert list(await side.store.requeue_expired(10)) == []
    (landed,) = await side.store.commit([finish(run)])
    assert not isinstance(landed, Exception)


async def test_an_expired_holder_may_write_until_it_is_superseded(side: Side) -> None:
    worker = new_id()
    await started(side)
    run = await claimed(side, worker)
    await side.expire(worker)

    (landed,) = await side.store.commit([a_write(run, delta())])

    assert not isinstance(landed, Exception)


async def test_a_worker_that_never_renewed_holds_nothing(side: Side) -> None:
    new = await started(side)
    await side.store.claim(new_id(), 1)

    assert list(await side.store.requeue_expired(10)) == [new.id]


async def test_a_release_gives_every_run_back_and_counts_nothing_as_lost(side: Side) -> None:
    news = [await started(side) for _ in range(3)]
    worker, other = new_id(), new_id()
    await side.store.renew(worker, TTL_SECONDS)
    await side.store.claim(worker, 2)
    await side.store.request_cancel(news[1].id)
    await claimed(side, other)

    released = await side.store.release(worker)

    assert sorted(released) == sorted(new.id for new in news[:2])
    stored = [await side.stored(new.id) for new in news]
    assert [(s.row.status, s.log[-1].event, s.lost_tokens) for s in stored[:2]] == [
        ("queued", RunRequeued(reason="drain"), 0),
        ("cancelled", RunCancelled(), 0),
    ]
    assert stored[2].row.status == "in_progress"
    assert (await side.workers(), list(await side.store.release(worker))) == ([other], [])


async def test_one_run_is_abandoned_by_its_holder_only(side: Side) -> None:
    new = await started(side)
    run = await claimed(side)
    stranger = await claimed_elsewhere(side)
    await side.store.abandon(run.lease)
    after = await side.stored(new.id)
    await side.store.abandon(run.lease)

    assert (after.row.status, after.owned, after.lost_tokens) == ("queued", False, 1024)
    assert after.log[-1].event == RunRequeued(reason="error")
    assert await side.stored(new.id) == after
    assert (await side.stored(stranger)).row.status == "in_progress"


async def claimed_elsewhere(side: Side) -> UUID:
    new = await started(side)
    await claimed(side)
    return new.id


async def test_a_worker_disowns_the_runs_that_it_does_not_know_of(side: Side) -> None:
    known, unknown = [(await started(side)).id for _ in range(2)]
    worker = new_id()
    run, _ = [await claimed(side, worker) for _ in range(2)]
    stranger = await claimed_elsewhere(side)

    given_back = await side.store.disown(worker, [run.lease.token])

    assert list(given_back) == [unknown]
    stored = await side.stored(unknown)
    assert (stored.row.status, stored.owned, stored.lost_tokens) == ("queued", False, 0)
    assert stored.log[-1].event == RunRequeued(reason="error")
    others = [(await side.stored(run_id)).row.status for run_id in (known, stranger)]
    assert others == ["in_progress", "in_progress"]
    assert list(await side.store.disown(worker, [])) == [known]


async def test_waiting_runs_are_promoted_in_the_order_of_their_coming(side: Side) -> None:
    first = await started(side)
    ids = sorted((new_id() for _ in range(3)), reverse=True)  # made by machines whose clocks differ
    join = {"workspace_id": first.workspace_id, "thread_id": first.thread_id, "when_busy": "enqueue"}
    for run_id in ids:
        await started(side, id=run_id, **join)

    promoted = [list(await side.store.promote(10))]
    for _ in range(3):
        await side.store.commit([finish(await claimed(side))])
        promoted.append(list(await side.store.promote(10)))
        promoted.append(list(await side.store.promote(10)))

    assert promoted == [[], [ids[0]], [], [ids[1]], [], [ids[2]], []]


async def test_promotion_takes_one_run_of_each_thread_up_to_the_limit(side: Side) -> None:
    workspace = await side.workspace()
    waiting = set[UUID]()
    for _ in range(3):
        first = await started(side, workspace_id=workspace)
        join = {"workspace_id": workspace, "thread_id": first.thread_id, "when_busy": "enqueue"}
        waiting.add((await started(side, **join)).id)
        await started(side, **join)
        await side.store.request_cancel(first.id)

    some, rest, none = [list(await side.store.promote(2)) for _ in range(3)]

    assert ([len(some), len(rest), len(none)], {*some, *rest}) == ([2, 1, 0], waiting)


async def test_a_parked_run_keeps_its_thread(side: Side) -> None:
    first = await started(side)
    run = await claimed(side)
    second = new_run(first.workspace_id, thread_id=first.thread_id, when_busy="enqueue")
    await side.store.start([second])
    action = an_action(run)
    await side.store.commit([park(run, action)])

    assert list(await side.store.promote(10)) == []
    await side.store.decide(action.id, decision="approve", answer=None, decided_by="test")
    assert list(await side.store.promote(10)) == []


async def test_only_a_due_run_makes_the_store_due(side: Side) -> None:
    told = [await side.store.due()]
    new = await started(side)
    told.append(await side.store.due())
    run = await claimed(side)
    told.append(await side.store.due())
    await side.store.commit([hand_over(run, due_in_seconds=3600)])
    told.append(await side.store.due())
    await side.make_due(new.id)
    told.append(await side.store.due())

    assert told == [False, True, False, False, True]


async def test_workers_are_forgotten_a_day_after_their_lease_unless_they_hold_a_run(side: Side) -> None:
    alive, late, gone, holder = workers = sorted(new_id() for _ in range(4))
    for worker in workers:
        await side.store.renew(worker, TTL_SECONDS)
    await started(side)
    await side.store.claim(holder, 1)
    await side.expire(late, 23 * 3600)
    await side.expire(gone, 25 * 3600)
    await side.expire(holder, 25 * 3600)

    await side.store.forget_workers()

    assert await side.workers() == [alive, late, holder]
