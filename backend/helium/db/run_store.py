"""`ports.RunStore` over PostgreSQL: accept, claim, commit, give back, cancel, decide, read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg

from helium.core.engine_version import ENGINE_VERSION
from helium.core.errors import (
    ActionAlreadyDecided,
    IdempotencyMismatch,
    NotFound,
    RunAlreadyFinished,
    ThreadBusy,
    ThreadMoved,
    TooManyRuns,
)
from helium.core.events import (
    LoggedEvent,
    RunResumed,
    encode_event,
)
from helium.core.items import Item
from helium.core.states import RunStatus
from helium.db import run_queue as sql
from helium.db import run_start
from helium.db.admission import admit, first_event, input_json, insert_fresh, spec_json
from helium.db.cancel import cancel_within
from helium.db.commit import REFUSALS, commit_writes
from helium.db.database import Database
from helium.db.event_log import READ
from helium.db.rows import (
    action_row,
    effect_row,
    event_of,
    items_decoder,
    logged_event,
    results_decoder,
    run_row,
    standing,
    step_record,
    unfinished_items,
)
from helium.kit.failpoint import failpoint
from helium.kit.ids import to_wire
from helium.kit.text import without_nul
from helium.ports import (
    ActionRow,
    ClaimedRun,
    Committed,
    EffectRow,
    Lease,
    NewRun,
    RunLimits,
    RunRow,
    Standing,
    StepRecord,
    Write,
)

StartResult = Committed | UUID | Exception
UNLIMITED = RunLimits()
REFUSED = (ThreadBusy, ThreadMoved, NotFound, IdempotencyMismatch, TooManyRuns)


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value


def _constraint(error: asyncpg.UniqueViolationError) -> str:
    return getattr(error, "constraint_name", "")


class PostgresRunStore:
    """The runs of one database. Safe for any number of processes at once."""

    def __init__(self, database: Database, limits: RunLimits = UNLIMITED) -> None:
        self._db = database
        self._limits = limits
        self.engine_version = ENGINE_VERSION
        """Of the workers that claim through this store."""

    # --- accept --------------------------------------------------------------------------------

    async def start(self, runs: Sequence[NewRun]) -> Sequence[StartResult]:
        fresh = [new for new in runs if new.new_thread]
        results: dict[UUID, StartResult] = {}
        if fresh:
            try:
                results = await self._start_fresh(fresh)
            except REFUSALS:
                # One entry of the batch is refused: find out which, the others are not to suffer.
                results = {new.id: await self._start_alone(new) for new in fresh}
        for new in runs:
            if not new.new_thread:
                results[new.id] = await self._start_alone(new)
        return [results[new.id] for new in runs]

    async def _start_fresh(self, runs: Sequence[NewRun]) -> dict[UUID, StartResult]:
        inserted = await insert_fresh(self._db, runs, self._limits)
        results: dict[UUID, StartResult] = {}
        for new in runs:
            result = inserted[new.id]
            if not isinstance(result, TooManyRuns):
                results[new.id] = Committed(1, result)
            else:
                # What was accepted before is answered again, however full the queue is by now.
                known = None if new.idempotency_key is None else await self._known_key(new)
                results[new.id] = known or result
        return results

    async def _start_alone(self, new: NewRun) -> StartResult:
        try:
            if new.idempotency_key is not None:
                known = await self._known_key(new)
                if known is not None:
                    return known
            if new.new_thread:
                return (await self._start_fresh([new]))[new.id]
            return Committed(1, await self._join_thread(new))
        except asyncpg.UniqueViolationError as error:
            if _constraint(error) == "idempotency_key_pkey":
                return await self._known_key(new) or IdempotencyMismatch("The key is in use.")
            return error
        except (*REFUSED, *REFUSALS) as error:
            return error

    async def _known_key(self, new: NewRun) -> StartResult | None:
        row = await self._db.fetchrow(run_start.KNOWN_KEY, new.workspace_id, new.idempotency_key)
        if row is None:
            return None
        if row["request_hash"] != new.request_hash:
            return IdempotencyMismatch("This Idempotency-Key was used for a different request.")
        return row["run_id"]

    async def _join_thread(self, new: NewRun) -> float:
        """Insert a run at the end of its thread. `run_one_active` decides who comes first."""
        async with self._db.transaction() as connection:
            head = await connection.fetchrow(
                run_start.JOIN_THREAD, new.thread_id, new.workspace_id, new.id, without_nul(new.title)
            )
            if head is None:
                raise NotFound("There is no such thread.")
            # The key first: the same request, sent twice at once, has moved the thread itself.
            if new.idempotency_key is not None:
                await connection.execute(
                    run_start.INSERT_KEY, new.workspace_id, new.idempotency_key, new.request_hash, new.id
                )
            if new.previous_run_id not in (None, head["head_run_id"]):
                raise ThreadMoved("The thread has gone on since that run.")
            await admit(connection, new.workspace_id, self._limits)
            created_at = await self._insert_run(connection, new, head["head_run_id"])
            await connection.execute(
                run_start.INSERT_FIRST_EVENT, new.id, new.workspace_id, first_event(new)
            )
            return created_at

    async def _insert_run(self, connection: asyncpg.Connection, new: NewRun, head: UUID | None) -> float:
        values = (
            new.id,
            new.workspace_id,
            new.thread_id,
            new.agent_id,
            head,
            spec_json(new),
            input_json(new),
        )
        try:
            async with connection.transaction():
                return _number(await connection.fetchval(run_start.INSERT_RUN, *values, False))
        except asyncpg.UniqueViolationError as error:
            if _constraint(error) != "run_one_active":
                raise
        active = await connection.fetchval(run_start.ACTIVE_RUN, new.thread_id)
        if new.when_busy == "reject":
            raise ThreadBusy(
                "Another run of this thread is not finished. Wait for it, cancel it, or send"
                ' when_busy "enqueue" or "interrupt".'
            )
        if new.when_busy == "interrupt" and active is not None:
            with suppress(RunAlreadyFinished):  # it ended by itself in between
                await cancel_within(connection, active)
        return _number(await connection.fetchval(run_start.INSERT_RUN, *values, True))

    # --- claim ---------------------------------------------------------------------------------

    async def claim(
        self, worker_id: UUID, limit: int, *, overdue_seconds: float = 0.0
    ) -> Sequence[ClaimedRun]:
        failpoint("claim.before_commit")
        given = (worker_id, limit, overdue_seconds, *self._terms)
        return await self._taken(await self._db.fetch(sql.CLAIM, *given))

    async def claim_these(self, worker_id: UUID, run_ids: Sequence[UUID]) -> Sequence[ClaimedRun]:
        failpoint("claim.before_commit")
        given = (worker_id, list(run_ids), *self._terms)
        return await self._taken(await self._db.fetch(sql.CLAIM_THESE, *given))

    @property
    def _terms(self) -> tuple[int | None, int | None, int]:
        """On which all claims are made: how many may run, and by which engine."""
        return (self._limits.running_per_workspace, self._limits.running, self.engine_version)

    async def standing(self, run_ids: Sequence[UUID]) -> Mapping[UUID, Standing]:
        rows = await self._db.fetch(sql.STANDING, list(run_ids), self.engine_version)
        return {row["id"]: standing(row) for row in rows}

    async def _taken(self, rows: Sequence[asyncpg.Record]) -> Sequence[ClaimedRun]:
        if not rows:
            return []
        failpoint("claim.after_commit")
        history = await self._histories(rows)
        later = [row for row in rows if row["attempt"] > 1]
        past = await self._pasts(later)
        return [self._claimed(row, history, past) for row in rows]

    def _claimed(
        self,
        row: asyncpg.Record,
        history: Mapping[UUID, Sequence[Item]],
        past: "dict[UUID, _Past]",
    ) -> ClaimedRun:
        known = past.get(row["id"], _EMPTY)
        return ClaimedRun(
            lease=Lease(row["id"], row["workspace_id"], row["epoch"], row["owner_token"]),
            row=run_row(row),
            next_seq=row["next_seq"],
            claimed_at=row["claimed_at"],
            waited_seconds=row["waited_seconds"],
            attempts_without_progress=row["attempts_without_progress"],
            lost_tokens=row["lost_tokens"],
            cancel_requested=row["cancel_requested"],
            history=history.get(row["id"], ()),
            recorded=known.steps,
            unfinished_items=known.unfinished,
            effects=known.effects,
            decisions=known.decisions,
        )

    async def _histories(self, rows: Sequence[asyncpg.Record]) -> Mapping[UUID, Sequence[Item]]:
        """The conversations before these runs: the runs before them, oldest first."""
        later = [row for row in rows if row["previous_run_id"] is not None]
        if not later:
            return {}
        links = await self._db.fetch(
            sql.HISTORY, [r["id"] for r in later], [r["previous_run_id"] for r in later]
        )
        histories: defaultdict[UUID, list[Item]] = defaultdict(list)
        for link in links:
            items = histories[link["for_run"]]
            items.extend(items_decoder.decode(link["input"]))
            if link["results"] is not None:
                for result in results_decoder.decode(link["results"]):
                    items.extend(result.items)
        return histories

    async def _pasts(self, rows: Sequence[asyncpg.Record]) -> "dict[UUID, _Past]":
        """What earlier attempts at these runs left behind."""
        if not rows:
            return {}
        ids = [row["id"] for row in rows]
        past: defaultdict[UUID, _Past] = defaultdict(_Past)
        for row in await self._db.fetch(sql.STEPS, ids):
            past[row["run_id"]].steps.append(step_record(row))
        boundaries = [row["boundary_seq"] for row in rows]
        begun: defaultdict[UUID, list[asyncpg.Record]] = defaultdict(list)
        for row in await self._db.fetch(sql.SINCE_BOUNDARY, ids, boundaries):
            begun[row["run_id"]].append(row)
        for run_id, events in begun.items():
            past[run_id].unfinished = unfinished_items([event_of(row) for row in events])
        for row in await self._db.fetch(sql.EFFECTS, ids):
            past[row["run_id"]].effects[row["call_id"]] = effect_row(row)
        for row in await self._db.fetch(sql.DECISIONS, ids):
            past[row["run_id"]].decisions[row["call_id"], row["kind"]] = action_row(row)
        return past

    # --- write ---------------------------------------------------------------------------------

    async def commit(self, writes: Sequence[Write]) -> Sequence[Committed | Exception]:
        return await commit_writes(self._db, writes)

    # --- leases --------------------------------------------------------------------------------

    async def renew(self, worker_id: UUID, ttl_seconds: float) -> None:
        await self._db.execute(sql.RENEW, worker_id, ttl_seconds)

    async def cancels(self, worker_id: UUID) -> Sequence[UUID]:
        return [row["id"] for row in await self._db.fetch(sql.CANCELS, worker_id)]

    async def release(self, worker_id: UUID, *, crashed: bool = False) -> Sequence[UUID]:
        reason = "lease_expired" if crashed else "drain"
        rows = await self._db.fetch(sql.RELEASE, worker_id, int(crashed), reason)
        await self._db.execute(sql.END_WORKER, worker_id)
        return [row["id"] for row in rows]

    async def abandon(self, lease: Lease) -> None:
        await self._db.fetch(sql.ABANDON, lease.run_id, 1, "error", lease.epoch, lease.token)

    async def disown(self, worker_id: UUID, held: Sequence[UUID]) -> Sequence[UUID]:
        rows = await self._db.fetch(sql.DISOWN, worker_id, 0, "error", list(held))
        return [row["id"] for row in rows]

    async def requeue_expired(self, limit: int) -> Sequence[UUID]:
        rows = await self._db.fetch(sql.REQUEUE_EXPIRED, limit, 1, "lease_expired")
        return [row["id"] for row in rows]

    async def forget_workers(self) -> None:
        """Delete the rows of workers that have been gone for a day."""
        await self._db.execute(sql.FORGET_WORKERS)

    async def promote(self, limit: int) -> Sequence[UUID]:
        try:
            return [row["id"] for row in await self._db.fetch(sql.PROMOTE, limit)]
        except asyncpg.UniqueViolationError:
            return []  # a new run took the thread in between; the next sweep looks again

    async def overdue(self, seconds: float, again_seconds: float, limit: int) -> Sequence[UUID]:
        rows = await self._db.fetch(sql.OVERDUE, seconds, again_seconds, limit, self.engine_version)
        return [row["id"] for row in rows]

    async def due(self) -> bool:
        row = await self._db.fetchrow(sql.DUE, self.engine_version)
        return bool(row and row[0])

    # --- people --------------------------------------------------------------------------------

    async def request_cancel(self, run_id: UUID) -> RunStatus:
        failpoint("cancel.before_commit")
        async with self._db.transaction() as connection:
            status = await cancel_within(connection, run_id)
        failpoint("cancel.after_commit")
        return status

    async def decide(
        self, action_id: UUID, *, decision: str, answer: str | None, decided_by: str
    ) -> RunRow:
        async with self._db.transaction() as connection:
            if await connection.fetchrow(sql.LOCK_RUN_OF_ACTION, action_id) is None:
                raise NotFound("There is no such action.")
            row = await connection.fetchrow(sql.DECIDE, action_id, decision, answer, decided_by)
            if row is None:
                raise ActionAlreadyDecided("Somebody has decided this already.")
            resumed = await connection.fetchrow(sql.RESUME, row["run_id"])
            if resumed is None:
                raise RunAlreadyFinished("The run no longer waits.")
            event = RunResumed(action_id=to_wire("act", action_id), decision=decision)
            await connection.execute(
                sql.APPEND_UNLEASED, row["run_id"], [resumed["seq"]], [encode_event(event).decode()]
            )
            fresh = await connection.fetchrow(sql.GET_RUN, row["run_id"])
            assert fresh is not None
            return run_row(fresh)

    # --- read ----------------------------------------------------------------------------------

    async def read(self, cursors: Mapping[UUID, int], limit: int) -> Mapping[UUID, Sequence[LoggedEvent]]:
        rows = await self._db.fetch(READ, list(cursors), list(cursors.values()), limit)
        found: defaultdict[UUID, list[LoggedEvent]] = defaultdict(list)
        for row in rows:
            found[row["run_id"]].append(logged_event(row))
        return found

    async def run(self, run_id: UUID) -> RunRow | None:
        row = await self._db.fetchrow(sql.GET_RUN, run_id)
        return run_row(row) if row is not None else None


class _Past:
    """What earlier attempts at a run recorded."""

    def __init__(self) -> None:
        self.steps: list[StepRecord] = []
        self.unfinished: list[str] = []
        self.effects: dict[str, EffectRow] = {}
        self.decisions: dict[tuple[str, str], ActionRow] = {}


_EMPTY = _Past()
