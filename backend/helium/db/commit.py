"""The group commit: many runs' writes in one statement, each under its own token."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from helium.core.budget import Usage
from helium.core.errors import LeaseLost, StepMismatch
from helium.core.events import encode_event
from helium.db import event_log as sql
from helium.db.cancel import cancel_if_asked
from helium.db.database import Database
from helium.kit.failpoint import failpoint
from helium.kit.text import without_nul
from helium.ports import Committed, Write

# What a value raises that cannot be stored: in our encoder, in the driver's, or in the database. The
# driver's own is an `InterfaceError` too, which otherwise means that the connection is bad.
REFUSALS = (ValueError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

_encode = msgspec.json.Encoder().encode
_NOTHING = Usage()
_ENDED = frozenset({"completed", "failed", "cancelled", "incomplete"})


class Batch:
    """Writes as the arrays that the statements take, in one order of runs (so that no two
    statements on many runs can wait for each other)."""

    def __init__(self, writes: Sequence[Write]) -> None:
        self.writes = sorted(writes, key=lambda write: write.lease.run_id)
        self.payloads = [[encode_event(e).decode() for e in w.events] for w in self.writes]
        self.plain = all(w.step is None and w.close is None for w in self.writes)
        self.extras = [w for w in self.writes if w.intent or w.effect_done or _action(w)]

    @property
    def fence(self) -> tuple[list[UUID], list[int], list[UUID], list[int], list[int]]:
        return (
            [w.lease.run_id for w in self.writes],
            [w.lease.epoch for w in self.writes],
            [w.lease.token for w in self.writes],
            [w.first_seq for w in self.writes],
            [len(w.events) for w in self.writes],
        )

    @property
    def events(self) -> tuple[list[UUID], list[int], list[str]]:
        run_ids: list[UUID] = []
        numbers: list[int] = []
        payloads: list[str] = []
        for write, encoded in zip(self.writes, self.payloads, strict=True):
            run_ids.extend([write.lease.run_id] * len(encoded))
            numbers.extend(range(write.first_seq, write.first_seq + len(encoded)))
            payloads.extend(encoded)
        return run_ids, numbers, payloads

    def arguments(self) -> tuple[str, list[object]]:
        """The statement for this batch, and its arguments."""
        if self.plain:
            return sql.APPEND, [*self.fence, *self.events]
        steps = [w.step for w in self.writes]
        closes = [w.close for w in self.writes]
        spent = [s.usage if s else _NOTHING for s in steps]
        recorded = [(w.lease.run_id, w.step) for w in self.writes if w.step is not None]
        return sql.COMMIT, [
            *self.fence,
            [s.position if s else None for s in steps],
            [int(s is not None and s.kind == "tool") for s in steps],
            [u.input_tokens for u in spent],
            [u.cached_tokens for u in spent],
            [u.output_tokens for u in spent],
            [u.reasoning_tokens for u in spent],
            [u.cost_microusd for u in spent],
            [c.status if c else None for c in closes],
            [c.due_in_seconds if c else 0.0 for c in closes],
            [c.error_code if c else None for c in closes],
            [_text(c.error_message) if c else None for c in closes],
            [_progress(w) for w in self.writes],
            *self.events,
            [run_id for run_id, _ in recorded],
            [s.position for _, s in recorded],
            [s.kind for _, s in recorded],
            [without_nul(s.name) for _, s in recorded],
            [_encode(s.result).decode() for _, s in recorded],
        ]


def _text(text: str | None) -> str | None:
    return None if text is None else without_nul(text)


def _action(write: Write) -> bool:
    return write.close is not None and write.close.action is not None


def _progress(write: Write) -> bool:
    return write.step is not None or (write.close is not None and write.close.progress)


async def commit_writes(database: Database, writes: Sequence[Write]) -> list[Committed | Exception]:
    """See `ports.RunStore.commit`."""
    try:
        batch = Batch(writes)
        accepted = await _store(database, batch)
    except REFUSALS as error:
        if len(writes) == 1:
            return [error]
        # One run's write is refused by the database itself; the others are not to suffer.
        return [(await commit_writes(database, [write]))[0] for write in writes]
    if len(accepted) < len(writes):
        accepted |= await _refused(database, batch, accepted)
    return [accepted[write.lease.run_id] for write in writes]


async def _store(database: Database, batch: Batch) -> dict[UUID, Committed | Exception]:
    failpoints_before(batch)
    statement, arguments = batch.arguments()
    freed: set[UUID] = set()
    if batch.extras:
        async with database.transaction() as connection:
            rows = await connection.fetch(statement, *arguments)
            taken = {row["id"] for row in rows}
            for write in batch.extras:
                if write.lease.run_id in taken and await _store_extras(connection, write):
                    freed.add(write.lease.run_id)
    else:
        rows = await database.fetch(statement, *arguments)
    failpoints_after(batch)
    first = {w.lease.run_id: w.first_seq for w in batch.writes}
    return {
        r["id"]: Committed(first[r["id"]], r["created_at"], bool(r["successor"]) or r["id"] in freed)
        for r in rows
    }


async def _store_extras(connection: asyncpg.Connection, write: Write) -> bool:
    """The rare parts of a write, in the same transaction: an intent, its end, a question.

    Whether the run was cancelled instead of parked, and another one waits behind it.
    """
    lease = write.lease
    if write.intent is not None:
        intent = write.intent
        await connection.execute(
            sql.INSERT_INTENT,
            lease.run_id,
            intent.call_id,
            lease.workspace_id,
            intent.tool,
            intent.arguments_hash,
            lease.epoch,
        )
    if write.effect_done is not None:
        await connection.execute(sql.SETTLE_EFFECT, lease.run_id, write.effect_done)
    action = write.close.action if write.close else None
    if action is not None:
        await connection.execute(
            sql.INSERT_ACTION,
            action.id,
            lease.workspace_id,
            lease.run_id,
            action.call_id,
            action.kind,
            action.subject_hash,
            without_nul(action.prompt),
            action.tool,
            _text(action.arguments),
            lease.epoch,
        )
        return await cancel_if_asked(connection, lease.run_id)
    return False


async def _refused(
    database: Database, batch: Batch, accepted: dict[UUID, Committed | Exception]
) -> dict[UUID, Committed | Exception]:
    """Why the other writes were not taken: they had landed before, or the token or the place is gone."""
    refused = [w for w in batch.writes if w.lease.run_id not in accepted]
    last = {
        w.lease.run_id: payloads[-1]
        for w, payloads in zip(batch.writes, batch.payloads, strict=True)
        if payloads
    }
    with_events = [w for w in refused if w.lease.run_id in last]
    landed = await database.fetch(
        sql.LANDED,
        [w.lease.run_id for w in with_events],
        [w.first_seq + len(w.events) - 1 for w in with_events],
        [w.lease.epoch for w in with_events],
        [last[w.lease.run_id] for w in with_events],
    )
    landed_at = {row["run_id"]: row["created_at"] for row in landed}
    holders = await database.fetch(sql.HOLDERS, [w.lease.run_id for w in refused])
    tokens = {row["id"]: (row["epoch"], row["owner_token"]) for row in holders}
    outcome: dict[UUID, Committed | Exception] = {}
    for write in refused:
        run_id = write.lease.run_id
        if run_id in landed_at:
            outcome[run_id] = Committed(write.first_seq, landed_at[run_id], successor=True)
        elif tokens.get(run_id) == (write.lease.epoch, write.lease.token):
            outcome[run_id] = StepMismatch(f"write at {write.first_seq} is not the next of {run_id}")
        else:
            outcome[run_id] = LeaseLost(f"the lease of run {run_id} is lost")
    return outcome


def failpoints_before(batch: Batch) -> None:
    _failpoints(batch, "before_commit")


def failpoints_after(batch: Batch) -> None:
    _failpoints(batch, "after_commit")


def _failpoints(batch: Batch, moment: str) -> None:
    if batch.plain and not batch.extras:
        return
    for write in batch.writes:
        if write.intent is not None:
            failpoint(f"intent.{moment}")
        if write.step is not None:
            failpoint(f"step.{moment}")
        if write.close is not None and write.close.action is not None:
            failpoint(f"park.{moment}")
        if write.close is not None and write.close.status in _ENDED:
            failpoint(f"finish.{moment}")
