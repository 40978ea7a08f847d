"""A run's end is counted by the transaction that ends it, and read right whoever reads."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import pytest

from helium.adapters.prometheus import RunFigures
from helium.adapters.prometheus.runs import KEEP_SECONDS, MOVE, MOVE_AT
from helium.core.states import RunStatus
from helium.db.database import Database, open_database
from helium.db.overview import look, read_overview
from helium.db.run_store import PostgresRunStore
from helium.kit.clock import ManualClock
from helium.kit.ids import new_id
from helium.kit.metrics import Snapshot
from helium.ports import Committed
from tests.support.factories import an_action, finish, new_run, park

pytestmark = pytest.mark.postgres
WORKER = new_id()
ENDINGS: tuple[RunStatus, ...] = ("completed", "failed", "cancelled", "incomplete")
ZEROS = dict.fromkeys(ENDINGS, 0.0)
ADD = "insert into run_ending (status, reason) select $2, '' from generate_series(1, $1)"


class Desk:
    """One database, and who starts and ends its runs."""

    def __init__(self, database: Database, workspace_id: UUID) -> None:
        self.database = database
        self.store = PostgresRunStore(database)
        self.workspace_id = workspace_id

    async def start(self, count: int = 1) -> list[UUID]:
        runs = [new_run(self.workspace_id) for _ in range(count)]
        assert all(isinstance(result, Committed) for result in await self.store.start(runs))
        return [run.id for run in runs]

    async def end(self, *statuses: RunStatus) -> None:
        """Start a run for each, and end them all in one commit."""
        await self.start(len(statuses))
        await self.store.renew(WORKER, 60)
        claimed = await self.store.claim(WORKER, len(statuses))
        writes = [finish(run, status) for run, status in zip(claimed, statuses, strict=True)]
        assert all(isinstance(result, Committed) for result in await self.store.commit(writes))

    async def read(self) -> Snapshot:
        return await RunFigures(self.database, ManualClock()).read()

    async def ended(self) -> dict[str, float]:
        return _by_label(await self.read(), "agent_runs_total")

    async def counted(self) -> dict[str, float]:
        """The database's own count."""
        rows = await self.database.fetch(
            "select status, count(*) as n from run where status = any($1) group by status", list(ENDINGS)
        )
        return ZEROS | {row["status"]: float(row["n"]) for row in rows}


def _by_label(found: Snapshot, name: str) -> dict[str, float]:
    return {"/".join(key[1]): cells[0] for key, cells in found.items() if key[0] == name}


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_database(database_url, pool_size=6, pooler=False) as database:
        workspace_id = new_id()
        await database.execute("insert into workspace (id, name) values ($1, 'test')", workspace_id)
        yield Desk(database, workspace_id)


async def test_all_states_are_there_before_any_run_has_ended(desk: Desk) -> None:
    assert await desk.ended() == ZEROS


async def test_each_end_is_counted_by_state_and_reason(desk: Desk) -> None:
    await desk.end("completed", "completed", "failed", "incomplete", "cancelled")

    assert await desk.ended() == await desk.counted()
    found = await desk.read()
    assert sum(_by_label(found, "helium_run_endings_total").values()) == 5
    assert _by_label(found, "helium_run_endings_total")["completed/none"] == 2


async def test_a_run_that_is_cancelled_while_it_waits_is_counted(desk: Desk) -> None:
    (run_id,) = await desk.start()

    await desk.store.request_cancel(run_id)

    assert await desk.ended() == ZEROS | {"cancelled": 1.0}


async def test_a_run_whose_worker_died_after_a_cancel_is_counted(desk: Desk) -> None:
    (run_id,) = await desk.start()
    await desk.store.renew(WORKER, 60)
    await desk.store.claim(WORKER, 1)
    await desk.store.request_cancel(run_id)
    assert await desk.ended() == ZEROS

    await desk.store.release(WORKER, crashed=True)

    assert await desk.ended() == ZEROS | {"cancelled": 1.0}


async def test_a_run_that_goes_back_or_waits_is_not_counted(desk: Desk) -> None:
    await desk.start(2)
    await desk.store.renew(WORKER, 60)
    first, _ = await desk.store.claim(WORKER, 2)
    await desk.store.commit([park(first, an_action(first))])

    await desk.store.release(WORKER)

    assert await desk.ended() == ZEROS


async def test_guard_an_end_that_was_rolled_back_is_not_counted(desk: Desk) -> None:
    (run_id,) = await desk.start()

    async def fail() -> None:
        async with desk.database.transaction() as connection:
            await connection.execute("update run set status = 'failed' where id = $1", run_id)
            await connection.execute("select 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await fail()

    assert await desk.ended() == ZEROS


async def test_the_count_outlives_its_runs(desk: Desk) -> None:
    await desk.end("completed", "failed")

    await desk.database.execute("delete from run")

    assert await desk.ended() == ZEROS | {"completed": 1.0, "failed": 1.0}


async def test_a_reason_that_is_not_foreseen_is_other(desk: Desk) -> None:
    (run_id,) = await desk.start()
    await desk.database.execute(
        "update run set status = 'failed', error_code = 'x\u00e9\n\"' || repeat('y', 5000) where id = $1",
        run_id,
    )

    endings = _by_label(await desk.read(), "helium_run_endings_total")
    assert {name: n for name, n in endings.items() if n} == {"failed/other": 1.0}
    assert endings["completed/none"] == 0.0  # there before its first, which a rate would not see else


async def test_guard_nothing_is_lost_or_counted_twice_while_rows_are_moved(desk: Desk) -> None:
    """Readers, movers and ends at once: the sum never goes back, and ends right."""
    total, moves = 3_000, 12
    seen: list[float] = []

    async def add() -> None:
        for _ in range(30):
            await desk.database.execute(ADD, total // 30, "completed")

    async def move() -> None:
        for _ in range(moves):
            await desk.database.execute(MOVE, 700)

    async def look() -> None:
        for _ in range(40):
            seen.append((await desk.ended())["completed"])

    await asyncio.gather(add(), move(), move(), look())
    await desk.database.execute(MOVE, 10 * total)

    assert seen == sorted(seen)
    assert await desk.ended() == ZEROS | {"completed": float(total)}
    assert await _left(desk) == 0


async def test_whoever_reads_moves_rows_before_they_are_many(desk: Desk) -> None:
    await desk.database.execute(ADD, MOVE_AT - 1, "failed")
    await desk.read()
    assert await _left(desk) == MOVE_AT - 1

    await desk.database.execute(ADD, 1, "failed")
    await desk.read()

    assert await _left(desk) == 0
    assert await desk.ended() == ZEROS | {"failed": float(MOVE_AT)}


async def _left(desk: Desk) -> int:
    row = await desk.database.fetchrow("select count(*) as n from run_ending")
    assert row is not None
    return row["n"]


async def test_runs_in_progress_and_those_that_wait_are_told_apart(desk: Desk) -> None:
    await desk.start(3)
    later, held = await desk.start(2)
    await _set(desk, "due_at = now() + interval '1 hour'", [later])
    await _set(desk, "held = true", [held])
    await desk.store.renew(WORKER, 60)
    (taken,) = await desk.store.claim(WORKER, 1)
    await desk.database.execute(
        "update run set due_at = now() - interval '90 seconds' where status = 'queued' and id <> all($1)",
        [later, held],
    )

    found = await desk.read()

    assert taken.lease.run_id not in (later, held)
    assert _by_label(found, "active_agents_count") == {"": 1.0}
    assert _by_label(found, "helium_queue_runs") == {"due": 2.0, "later": 1.0, "held": 1.0}
    assert 90 <= _by_label(found, "helium_queue_age_seconds")[""] < 120
    assert _by_label(found, "helium_workers") == {"": 1.0}
    assert _by_label(found, "helium_abandoned_runs") == {"": 0.0}


async def _set(desk: Desk, change: str, run_ids: Sequence[UUID]) -> None:
    await desk.database.execute(f"update run set {change} where id = any($1)", list(run_ids))


async def test_a_run_whose_worker_is_gone_is_abandoned(desk: Desk) -> None:
    await desk.start()
    await desk.store.renew(WORKER, 60)
    await desk.store.claim(WORKER, 1)
    await desk.database.execute("update worker set lease_expires_at = now() - interval '1 second'")

    found = await desk.read()

    assert _by_label(found, "helium_abandoned_runs") == {"": 1.0}
    assert _by_label(found, "helium_workers") == {"": 0.0}


async def test_what_people_are_asked_for_is_told_by_kind_with_the_age_of_the_oldest(desk: Desk) -> None:
    await desk.start(3)
    await desk.store.renew(WORKER, 60)
    kinds = ("in_doubt", "in_doubt", "approval")
    for run, kind in zip(await desk.store.claim(WORKER, 3), kinds, strict=True):
        await desk.store.commit([park(run, an_action(run, kind=kind))])
    await desk.database.execute(
        "update action set created_at = now() - interval '2 hours' where id ="
        " (select id from action where kind = 'in_doubt' order by id limit 1)"
    )

    found = await desk.read()

    assert _by_label(found, "helium_actions_waiting") == {"in_doubt": 2.0, "approval": 1.0, "question": 0.0}
    ages = _by_label(found, "helium_action_age_seconds")
    assert 7200 <= ages["in_doubt"] < 7260
    assert 0 <= ages["approval"] < 60
    assert ages["question"] == 0.0


async def test_the_overview_tells_effects_in_doubt_from_other_questions(
    desk: Desk, database_url: str
) -> None:
    await desk.start(2)
    await desk.store.renew(WORKER, 60)
    for run, kind in zip(await desk.store.claim(WORKER, 2), ("in_doubt", "question"), strict=True):
        await desk.store.commit([park(run, an_action(run, kind=kind))])
    await desk.database.execute(
        "update action set created_at = now() - interval '1 hour' where kind = 'in_doubt'"
    )

    async with look(database_url) as connection:
        waiting = (await read_overview(connection)).waiting

    assert (waiting["runs"], waiting["in_doubt"]) == (2, 1)
    assert 3600 <= waiting["in_doubt_seconds"] < 3660


async def test_who_was_answered_waits_no_more(desk: Desk) -> None:
    await desk.start()
    await desk.store.renew(WORKER, 60)
    (run,) = await desk.store.claim(WORKER, 1)
    await desk.store.commit([park(run, an_action(run, kind="in_doubt"))])
    await desk.store.request_cancel(run.lease.run_id)

    found = await desk.read()

    assert _by_label(found, "helium_actions_waiting")["in_doubt"] == 0.0
    assert _by_label(found, "helium_action_age_seconds")["in_doubt"] == 0.0


async def test_several_who_scrape_at_once_are_given_one_reading(desk: Desk) -> None:
    clock = ManualClock()
    reader = RunFigures(desk.database, clock)
    first = await reader.read()
    await desk.end("completed")

    assert await reader.read() is first
    clock.advance(KEEP_SECONDS)
    assert _by_label(await reader.read(), "agent_runs_total")["completed"] == 1


async def test_guard_a_database_that_is_away_leaves_its_figures_out(desk: Desk) -> None:
    await desk.end("completed")
    desk.database.pool.terminate()

    assert await desk.read() == {("helium_database_up", ()): [0.0]}


async def test_runs_that_ended_before_the_counting_began_are_counted(desk: Desk) -> None:
    await desk.end("completed", "failed")
    await desk.database.execute("delete from run_ending")
    first_count = _statements()[-1]

    await desk.database.execute(first_count)

    assert await desk.ended() == await desk.counted()


def _statements() -> tuple[str, ...]:
    module = importlib.import_module("helium.db.migrations.versions.0004_metrics")
    return module.SCHEMA
