"""Two releases at once: what a newer engine has begun is left to it by every older worker (F17)."""

from uuid import UUID

from helium.adapters.memory.run_store import MemoryRunStore
from helium.core.engine_version import ENGINE_VERSION
from helium.db.run_store import PostgresRunStore
from helium.kit.ids import new_id
from helium.ports import ClaimedRun
from tests.support.factories import hand_over
from tests.support.sides import TTL_SECONDS, Side, claimed, lost, started

OLDER, NEWER = ENGINE_VERSION, ENGINE_VERSION + 1


def of_engine(side: Side, version: int) -> None:
    """From now on it is workers with this engine that claim."""
    assert isinstance(side.store, MemoryRunStore | PostgresRunStore)
    side.store.engine_version = version


async def left_by(side: Side, version: int) -> UUID:
    """A run that a worker of this engine began and handed over. Whoever looks next is the older one."""
    new = await started(side)
    of_engine(side, version)
    (run,) = await side.store.claim_these(new_id(), [new.id])
    await side.store.commit([hand_over(run)])
    side.tick()
    of_engine(side, OLDER)
    return new.id


async def deaths(side: Side, times: int) -> UUID:
    """A run whose workers died so often, one after the other."""
    new, worker = await started(side), new_id()
    for _ in range(times):
        await side.store.renew(worker, TTL_SECONDS)
        (_,) = await side.store.claim_these(worker, [new.id])
        await lost(side, worker)
        side.tick()
    return new.id


def ids(claims: "list[ClaimedRun]") -> list[UUID]:
    return [claim.lease.run_id for claim in claims]


async def test_guard_an_older_worker_does_not_claim_what_a_newer_one_has_begun(side: Side) -> None:
    run_id = await left_by(side, NEWER)
    before = await side.stored(run_id)

    assert list(await side.store.claim(new_id(), 10)) == []

    assert await side.stored(run_id) == before


async def test_guard_an_older_worker_does_not_take_it_from_a_queue_either(side: Side) -> None:
    run_id = await left_by(side, NEWER)
    before = await side.stored(run_id)

    assert list(await side.store.claim_these(new_id(), [run_id])) == []

    assert await side.stored(run_id) == before


async def test_a_newer_worker_claims_what_an_older_one_left(side: Side) -> None:
    run_ids = [await left_by(side, OLDER), await left_by(side, OLDER)]
    of_engine(side, NEWER)

    looked = await side.store.claim(new_id(), 1)
    brought = await side.store.claim_these(new_id(), run_ids)

    assert ids([*looked, *brought]) == run_ids
    assert [claim.row.attempt for claim in (*looked, *brought)] == [2, 2]


async def test_guard_both_ways_of_claiming_stamp_the_run(side: Side) -> None:
    run_ids = [(await started(side)).id for _ in range(2)]
    of_engine(side, NEWER)
    await side.store.claim(new_id(), 1)
    await side.store.claim_these(new_id(), run_ids)
    of_engine(side, OLDER)

    found = await side.store.standing(run_ids)

    assert [found[run_id].for_newer_engine for run_id in run_ids] == [True, True]


async def test_a_dead_newer_worker_s_run_goes_back_to_the_queue_and_waits_there(side: Side) -> None:
    new, dead, heir = await started(side), new_id(), new_id()
    of_engine(side, NEWER)
    await claimed(side, dead)
    of_engine(side, OLDER)
    await lost(side, dead)
    side.tick()

    refused = await side.store.claim(heir, 10)
    waiting = (await side.store.standing([new.id]))[new.id]
    of_engine(side, NEWER)
    taken = await claimed(side, heir)

    assert (list(refused), waiting.status) == ([], "queued")
    assert (taken.lease.run_id, taken.row.attempt, taken.attempts_without_progress) == (new.id, 2, 2)


async def test_guard_nobody_is_rung_for_what_no_worker_here_may_claim(side: Side) -> None:
    run_id = await left_by(side, NEWER)

    older = (await side.store.due(), list(await side.store.overdue(0, 60, 10)))
    of_engine(side, NEWER)
    newer = (await side.store.due(), list(await side.store.overdue(0, 60, 10)))

    assert (older, newer) == ((False, []), (True, [run_id]))


async def test_guard_an_older_worker_leaves_a_newer_one_s_suspect_of_a_crash(side: Side) -> None:
    of_engine(side, NEWER)
    suspect = await deaths(side, 3)
    of_engine(side, OLDER)

    assert list(await side.store.claim(new_id(), 10)) == []

    of_engine(side, NEWER)
    assert ids([*await side.store.claim(new_id(), 10)]) == [suspect]


async def test_guard_a_suspect_does_not_wait_for_a_run_that_this_engine_cannot_claim(side: Side) -> None:
    suspect = await deaths(side, 3)
    of_engine(side, NEWER)
    await deaths(side, 1)
    of_engine(side, OLDER)

    assert ids([*await side.store.claim(new_id(), 10)]) == [suspect]


async def test_runs_of_a_newer_engine_hide_none_of_their_own_workspace(side: Side) -> None:
    workspace_id = await side.workspace()
    of_engine(side, NEWER)
    for _ in range(3):
        await started(side, workspace_id=workspace_id)
    for run in await side.store.claim(new_id(), 3):
        await side.store.commit([hand_over(run)])
    of_engine(side, OLDER)
    mine = await started(side, workspace_id=workspace_id)

    assert ids([*await side.store.claim(new_id(), 1)]) == [mine.id]
