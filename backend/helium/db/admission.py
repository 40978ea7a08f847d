"""Letting runs in: the transaction that accepts them counts those that wait (I10).

While the queue is less than half full, starts count without a lock: it would take more starts than the
other half within one commit to get past the bound. Above that they take locks and are counted exactly.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from helium.core.errors import TooManyRuns
from helium.core.events import RunQueued, encode_event
from helium.db import run_start
from helium.db.database import Database
from helium.kit.text import json_without_nul, without_nul
from helium.ports import NewRun, RunLimits

RETRY_AFTER_SECONDS = 2.0
_encode = msgspec.json.Encoder().encode


def spec_json(new: NewRun) -> str:
    """The spec as JSON that PostgreSQL's operators can look into: the sweeper's statement does."""
    return json_without_nul(_encode(new.spec)).decode()


def input_json(new: NewRun) -> str:
    return _encode(new.input).decode()


def first_event(new: NewRun) -> str:
    return encode_event(RunQueued(agent=new.spec.agent, model=new.spec.model)).decode()


async def insert_fresh(
    database: Database, runs: Sequence[NewRun], limits: RunLimits
) -> dict[UUID, float | TooManyRuns]:
    """Insert runs with new threads: the time at which each was accepted, or why it was not."""
    accepted = await _insert(database, runs, _half(limits.queued_per_workspace), _half(limits.queued))
    refused = [new for new in runs if new.id not in accepted]
    if refused:
        async with database.transaction() as connection:
            await _lock(connection, {new.workspace_id for new in refused})
            accepted |= await _insert(connection, refused, limits.queued_per_workspace, limits.queued)
    return {new.id: accepted[new.id] if new.id in accepted else too_many() for new in runs}


async def admit(connection: asyncpg.Connection, workspace_id: UUID, limits: RunLimits) -> None:
    """Make sure that one more run may wait, until this transaction ends. Raises `TooManyRuns`."""
    if not await _fits(connection, workspace_id, _half(limits.queued_per_workspace), _half(limits.queued)):
        await _lock(connection, {workspace_id})
        if not await _fits(connection, workspace_id, limits.queued_per_workspace, limits.queued):
            raise too_many()


def too_many() -> TooManyRuns:
    return TooManyRuns(
        "As many runs wait as may wait. Nothing was started; try again in a moment.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def _half(bound: int | None) -> int | None:
    return None if bound is None else bound // 2


async def _lock(connection: asyncpg.Connection, workspace_ids: set[UUID]) -> None:
    await connection.execute(run_start.LOCK_ADMISSION)
    await connection.execute(run_start.LOCK_WORKSPACES, sorted(workspace_ids))


async def _fits(
    connection: asyncpg.Connection, workspace_id: UUID, of_workspace: int | None, in_all: int | None
) -> bool:
    if of_workspace is None and in_all is None:
        return True
    row = await connection.fetchrow(run_start.WAITING, workspace_id, of_workspace, in_all)
    assert row is not None
    return (of_workspace is None or row["of_workspace"] < of_workspace) and (
        in_all is None or row["in_all"] < in_all
    )


async def _insert(
    source: Database | asyncpg.Connection,
    runs: Sequence[NewRun],
    of_workspace: int | None,
    in_all: int | None,
) -> dict[UUID, float]:
    rows = await source.fetch(
        run_start.START,
        [new.id for new in runs],
        [new.workspace_id for new in runs],
        [new.thread_id for new in runs],
        [new.agent_id for new in runs],
        [new.previous_run_id for new in runs],
        [spec_json(new) for new in runs],
        [input_json(new) for new in runs],
        [without_nul(new.title) for new in runs],
        [new.idempotency_key for new in runs],
        [new.request_hash for new in runs],
        [first_event(new) for new in runs],
        of_workspace,
        in_all,
    )
    return {row["id"]: row["created_at"] for row in rows}
