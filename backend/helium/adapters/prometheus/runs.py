"""The figures that the database alone knows for certain: how many runs ended, how many wait.

A run's end is counted by a trigger, in the transaction that ends it (migration 0004): one row in
`run_ending`, which waits for nobody. Reading adds those rows to `run_count`; now and then they are moved
there. Both happen in one statement each, so every reader sees each run once.
"""

import asyncio
from collections.abc import Sequence

import asyncpg
import structlog

from helium.db.database import CONNECTION_ERRORS, Database
from helium.kit.clock import Clock
from helium.kit.metrics.instruments import (
    ABANDONED,
    ACTION_AGE,
    ACTION_KINDS,
    ACTIONS_WAITING,
    ACTIVE_AGENTS,
    AGENT_RUNS,
    BUDGETS,
    DATABASE_UP,
    ENDINGS,
    FAILURES,
    NO_REASON,
    QUEUE_AGE,
    QUEUE_RUNS,
    RUN_ENDINGS,
    RUN_REASON,
    WORKERS,
)
from helium.kit.metrics.registry import OTHER, Key, Snapshot

log = structlog.get_logger()

ENDED = """
select status, reason, sum(n)::bigint as n, sum(n) filter (where loose)::bigint as loose from (
    select status, reason, n, false as loose from run_count
    union all select status, reason, 1, true from run_ending
) x group by status, reason
"""

# Who moves rows at the same moment takes others; the counts are touched in one order.
MOVE = """
with moved as (
    delete from run_ending where id = any(array(
        select id from run_ending order by id limit $1 for update skip locked))
    returning status, reason
)
insert into run_count (status, reason, n)
select status, reason, count(*) from moved group by status, reason order by status, reason
on conflict (status, reason) do update set n = run_count.n + excluded.n
"""

# One look at the index of active runs. A held run has no time at which it is due.
QUEUE = """
select status, held, due_at > now() as later, count(*) as n,
    coalesce(extract(epoch from now() - min(due_at)), 0)::float8 as age
from run where status in ('queued', 'in_progress') group by 1, 2, 3
"""

# The index of pending actions has one row for each run that waits.
WAITING = """
select kind, count(*) as runs, extract(epoch from now() - min(created_at))::float8 as oldest_seconds
from action where state = 'pending' group by kind
"""

WORKING = """
select
    (select count(*) from worker where lease_expires_at >= clock_timestamp()) as workers,
    (select count(*) from run r left join worker w on w.id = r.worker_id
        where r.status = 'in_progress'
            and (w.id is null or w.lease_expires_at < clock_timestamp())) as abandoned
"""

MOVE_AT = 2_000
MOVE_LIMIT = 20_000
MOVE_EVERY_SECONDS = 120.0
# Several who scrape at once are given one reading.
KEEP_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0


class RunFigures:
    """Reads the instruments of the source `database`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: Snapshot = {}
        self._kept_until = float("-inf")

    async def read(self) -> Snapshot:
        """The figures, a second old at most; only that the database is away, if it does not answer."""
        async with self._lock:
            if self._clock.monotonic() >= self._kept_until:
                self._kept = await self._read_or_not()
                self._kept_until = self._clock.monotonic() + KEEP_SECONDS
            return self._kept

    async def serve(self) -> None:
        """Move rows also where nobody scrapes. Until cancelled."""
        while True:
            await self._clock.sleep(MOVE_EVERY_SECONDS)
            try:
                await self._database.execute(MOVE, MOVE_LIMIT)
            except CONNECTION_ERRORS as error:
                log.warning("metrics.database_away", error=type(error).__name__)

    async def _read_or_not(self) -> Snapshot:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return {**await self._read(), (DATABASE_UP.name, ()): [1.0]}
        except CONNECTION_ERRORS as error:
            log.warning("metrics.database_away", error=type(error).__name__)
            return {(DATABASE_UP.name, ()): [0.0]}

    async def _read(self) -> dict[Key, Sequence[float]]:
        ended = await self._database.fetch(ENDED)
        if sum(row["loose"] or 0 for row in ended) >= MOVE_AT:
            await self._database.execute(MOVE, MOVE_LIMIT)
        queue = await self._database.fetch(QUEUE)
        waiting = await self._database.fetch(WAITING)
        working = await self._database.fetchrow(WORKING)
        assert working is not None
        return {
            **_endings(ended),
            **_queue(queue),
            **_waiting(waiting),
            (WORKERS.name, ()): [float(working["workers"])],
            (ABANDONED.name, ()): [float(working["abandoned"])],
        }


def _endings(rows: Sequence[asyncpg.Record]) -> dict[Key, Sequence[float]]:
    """All four states from the start, each reason once there is one."""
    by_status = dict.fromkeys(ENDINGS, 0.0)
    # Zeros too: a counter that appears with its first failure hides that failure from a rate.
    pairs = [
        *((status, NO_REASON) for status in ENDINGS),
        *(("failed", reason) for reason in FAILURES),
        *(("incomplete", reason) for reason in BUDGETS),
    ]
    by_reason: dict[Key, Sequence[float]] = {(RUN_ENDINGS.name, pair): [0.0] for pair in pairs}
    for row in rows:
        by_status[row["status"]] += row["n"]
        reason = row["reason"] or NO_REASON
        key = (RUN_ENDINGS.name, (row["status"], reason if reason in RUN_REASON.values else OTHER))
        by_reason[key] = [float(row["n"]) + by_reason.get(key, (0.0,))[0]]
    return {**{(AGENT_RUNS.name, (status,)): [n] for status, n in by_status.items()}, **by_reason}


def _queue(rows: Sequence[asyncpg.Record]) -> dict[Key, Sequence[float]]:
    waiting = {"due": 0.0, "later": 0.0, "held": 0.0}
    active, age = 0.0, 0.0
    for row in rows:
        if row["status"] == "in_progress":
            active += row["n"]
        elif row["held"]:
            waiting["held"] += row["n"]
        elif row["later"]:
            waiting["later"] += row["n"]
        else:
            waiting["due"] += row["n"]
            age = max(age, row["age"])
    states: dict[Key, Sequence[float]] = {(QUEUE_RUNS.name, (s,)): [n] for s, n in waiting.items()}
    return {**states, (ACTIVE_AGENTS.name, ()): [active], (QUEUE_AGE.name, ()): [age]}


def _waiting(rows: Sequence[asyncpg.Record]) -> dict[Key, Sequence[float]]:
    """What people are asked for: all kinds from the start."""
    found = {row["kind"]: row for row in rows}
    figures: dict[Key, Sequence[float]] = {}
    for kind in ACTION_KINDS:
        row = found.get(kind)
        figures[ACTIONS_WAITING.name, (kind,)] = [float(row["runs"]) if row else 0.0]
        # A row of this very moment can have been made after the statement's now().
        figures[ACTION_AGE.name, (kind,)] = [max(0.0, row["oldest_seconds"]) if row else 0.0]
    return figures
