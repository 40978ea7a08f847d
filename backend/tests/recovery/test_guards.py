"""Directed tests for guards that came out of the tests with real processes."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest

from helium.adapters.memory.run_store import MemoryRunStore
from helium.db.database import Database, open_database
from helium.db.run_store import PostgresRunStore
from helium.engine.options import EngineOptions
from helium.engine.sweeper import Sweeper
from helium.kit.clock import ManualClock
from helium.kit.ids import new_id
from tests.support.factories import new_run

TTL = 3.0


class Freezer(MemoryRunStore):
    """A store whose next answer may take long; it remembers how often runs were to be taken back."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.frozen_seconds = 0.0
        self.thefts = 0
        self._time = clock

    async def promote(self, limit: int) -> Sequence[UUID]:
        self._time.advance(self.frozen_seconds)
        self.frozen_seconds = 0.0
        return []

    async def requeue_expired(self, limit: int) -> Sequence[UUID]:
        self.thefts += 1
        return []


class SilentBell:
    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        pass


async def test_guard_a_frozen_database_is_an_outage() -> None:
    # sweeper.sweep: `answered - now > lease_ttl_seconds / 2`
    clock = ManualClock()
    store = Freezer(clock)
    options = EngineOptions(lease_ttl_seconds=TTL)
    sweeper = Sweeper(store, SilentBell(), clock, options, (OSError,))
    for _ in range(3):
        await sweeper.sweep()
        clock.advance(TTL / 2)
    before = store.thefts

    store.frozen_seconds = 3 * TTL
    await sweeper.sweep()
    while_frozen = store.thefts - before
    await sweeper.sweep()
    for _ in range(2):
        clock.advance(TTL / 2)
        await sweeper.sweep()

    assert (before, while_frozen, store.thefts - before) == (1, 0, 1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, pool_size=2, pooler=False) as opened:
        yield opened


async def queued(database: Database, deaths: int) -> UUID:
    """A queued run whose workers died this often without any progress of it."""
    workspace_id = new_id()
    await database.execute("insert into workspace (id, name) values ($1, 'test')", workspace_id)
    new = new_run(workspace_id)
    await PostgresRunStore(database).start([new])
    await database.execute("update run set attempts_without_progress = $2 where id = $1", new.id, deaths)
    return new.id


async def claimed(database: Database, worker_id: UUID) -> set[UUID]:
    return {run.lease.run_id for run in await PostgresRunStore(database).claim(worker_id, 10)}


async def test_guard_suspects_go_last_and_one_at_a_time(database: Database) -> None:
    # run_queue.CLAIM: `suspect`
    suspects = {await queued(database, deaths=3) for _ in range(3)}
    retried, fresh = await queued(database, deaths=2), await queued(database, deaths=0)
    first, second = new_id(), new_id()

    assert await claimed(database, first) == {retried, fresh}
    assert await claimed(database, first) == set()
    alone = await claimed(database, second)
    assert len(alone) == 1
    assert alone < suspects
    assert await claimed(database, second) == set()


async def test_a_suspect_waits_for_a_minute_at_most(database: Database) -> None:
    suspects = {await queued(database, deaths=3) for _ in range(3)}
    await database.execute("update run set due_at = due_at - interval '61 seconds'")
    assert await claimed(database, new_id()) == suspects
