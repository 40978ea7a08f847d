"""A run store, and what a test must be able to do to it from outside, over memory and PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from helium.adapters.memory.run_store import MemoryRunStore
from helium.core.events import LoggedEvent
from helium.db import run_queue as sql
from helium.db.checker import check_invariants
from helium.db.database import Database
from helium.db.rows import action_row, effect_row, step_record
from helium.db.run_store import UNLIMITED, PostgresRunStore
from helium.kit.clock import ManualClock
from helium.kit.ids import new_id
from helium.ports import ActionRow, ClaimedRun, EffectRow, NewRun, RunLimits, RunRow, RunStore, StepRecord
from tests.support.factories import new_run

TTL_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Everything that a store keeps of one run, without what differs by nature (tokens, times)."""

    row: RunRow
    epoch: int
    owned: bool
    worker_id: UUID | None
    held: bool
    boundary_seq: int
    attempts_without_progress: int
    lost_tokens: int
    cancel_requested: bool
    steps: Sequence[StepRecord]
    effects: Sequence[EffectRow]
    actions: Sequence[ActionRow]
    log: Sequence[LoggedEvent]


class Side(Protocol):
    """One store under test."""

    @property
    def store(self) -> RunStore: ...

    def limited(self, limits: RunLimits) -> "Side":
        """The same, with bounds on how many runs wait and run; in memory an empty one."""
        ...

    async def workspace(self) -> UUID:
        """A new workspace."""
        ...

    def tick(self) -> None:
        """Let a moment pass."""
        ...

    async def expire(self, worker_id: UUID, seconds_ago: float = 1.0) -> None:
        """Let the worker's lease have ended."""
        ...

    async def make_due(self, run_id: UUID) -> None:
        """Let a queued run's waiting time be over."""
        ...

    async def workers(self) -> Sequence[UUID]:
        """The workers that the store knows, by id."""
        ...

    async def stored(self, run_id: UUID) -> Stored: ...

    async def broken(self) -> list[str]:
        """What is wrong with the stored runs."""
        ...


class MemorySide:
    def __init__(self, limits: RunLimits = UNLIMITED) -> None:
        self.clock = ManualClock()
        self.store = MemoryRunStore(self.clock, limits)

    def limited(self, limits: RunLimits) -> "MemorySide":
        return MemorySide(limits)

    async def workspace(self) -> UUID:
        return new_id()

    def tick(self) -> None:
        self.clock.advance(0.001)

    async def expire(self, worker_id: UUID, seconds_ago: float = 1.0) -> None:
        self.store.leases[worker_id] = self.clock.time() - seconds_ago

    async def make_due(self, run_id: UUID) -> None:
        self.store.runs[run_id].due_at = self.clock.time()

    async def workers(self) -> Sequence[UUID]:
        return sorted(self.store.leases)

    async def stored(self, run_id: UUID) -> Stored:
        run = self.store.runs[run_id]
        return Stored(
            row=timeless(run.row()),
            epoch=run.epoch,
            owned=run.owner_token is not None,
            worker_id=run.worker_id,
            held=run.held,
            boundary_seq=run.boundary_seq,
            attempts_without_progress=run.attempts_without_progress,
            lost_tokens=run.lost_tokens,
            cancel_requested=run.cancel_requested,
            steps=run.steps,
            effects=sorted(run.effects.values(), key=lambda effect: effect.call_id),
            actions=sorted(run.actions.values(), key=lambda action: action.id),
            log=await whole_log(self.store, run_id),
        )

    async def broken(self) -> list[str]:
        return []


class PostgresSide:
    def __init__(self, database: Database, limits: RunLimits = UNLIMITED) -> None:
        self.database = database
        self.store = PostgresRunStore(database, limits)

    def limited(self, limits: RunLimits) -> "PostgresSide":
        return PostgresSide(self.database, limits)

    async def clear(self) -> None:
        """Delete all rows: quicker than a new database."""
        for table in ("workspace", "worker", "event", "idempotency_key"):
            await self.database.execute(f"delete from {table}")

    async def workspace(self) -> UUID:
        workspace_id = new_id()
        await self.database.execute("insert into workspace (id, name) values ($1, 'test')", workspace_id)
        return workspace_id

    def tick(self) -> None:
        """The database's clock goes on by itself."""

    async def expire(self, worker_id: UUID, seconds_ago: float = 1.0) -> None:
        await self.database.execute(
            """insert into worker (id, lease_expires_at)
            values ($1, clock_timestamp() - make_interval(secs => $2))
            on conflict (id) do update set lease_expires_at = excluded.lease_expires_at""",
            worker_id,
            seconds_ago,
        )

    async def make_due(self, run_id: UUID) -> None:
        await self.database.execute("update run set due_at = clock_timestamp() where id = $1", run_id)

    async def workers(self) -> Sequence[UUID]:
        return [row["id"] for row in await self.database.fetch("select id from worker order by id")]

    async def stored(self, run_id: UUID) -> Stored:
        run = await self.database.fetchrow("select * from run where id = $1", run_id)
        row = await self.store.run(run_id)
        assert run is not None
        assert row is not None
        actions = await self.database.fetch(
            f"select {sql.ACTION_COLUMNS} from action where run_id = $1 order by id", run_id
        )
        return Stored(
            row=timeless(row),
            epoch=run["epoch"],
            owned=run["owner_token"] is not None,
            worker_id=run["worker_id"],
            held=run["held"],
            boundary_seq=run["boundary_seq"],
            attempts_without_progress=run["attempts_without_progress"],
            lost_tokens=run["lost_tokens"],
            cancel_requested=run["cancel_requested_at"] is not None,
            steps=[step_record(step) for step in await self.database.fetch(sql.STEPS, [run_id])],
            effects=sorted(
                (effect_row(effect) for effect in await self.database.fetch(sql.EFFECTS, [run_id])),
                key=lambda effect: effect.call_id,
            ),
            actions=[action_row(action) for action in actions],
            log=await whole_log(self.store, run_id),
        )

    async def broken(self) -> list[str]:
        async with self.database.pool.acquire() as connection:
            return await check_invariants(connection)  # pyright: ignore[reportArgumentType] - a proxy


def timeless(row: RunRow) -> RunRow:
    """The row with 0.0 for each time that is set."""
    return replace(
        row,
        created_at=0.0,
        started_at=None if row.started_at is None else 0.0,
        finished_at=None if row.finished_at is None else 0.0,
    )


async def whole_log(store: RunStore, run_id: UUID) -> list[LoggedEvent]:
    """All events of a run, with 0.0 for their times."""
    found = await store.read({run_id: 0}, 100_000)
    return [LoggedEvent(seq=e.seq, event=e.event, created_at=0.0) for e in found.get(run_id, ())]


async def started(side: Side, **changes: object) -> NewRun:
    """A run that the store has accepted."""
    workspace_id = changes.pop("workspace_id", None) or await side.workspace()
    assert isinstance(workspace_id, UUID)
    new = new_run(workspace_id, **changes)
    (result,) = await side.store.start([new])
    side.tick()
    assert not isinstance(result, Exception), repr(result)
    return new


async def claimed(side: Side, worker_id: UUID | None = None, limit: int = 1) -> ClaimedRun:
    """The oldest due run, in the hands of a worker that is alive."""
    worker_id = worker_id or new_id()
    await side.store.renew(worker_id, TTL_SECONDS)
    (run, *_) = await side.store.claim(worker_id, limit)
    return run


async def lost(side: Side, worker_id: UUID) -> None:
    """The worker dies, and its runs go back to the queue."""
    await side.expire(worker_id)
    await side.store.requeue_expired(100)
