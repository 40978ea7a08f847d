"""The end of a run that nobody holds, within the caller's transaction."""

from uuid import UUID

import asyncpg

from helium.core.errors import NotFound, RunAlreadyFinished
from helium.core.events import CancelRequested, RunCancelled, encode_event
from helium.core.states import RunStatus, is_terminal
from helium.db import run_queue as sql
from helium.db.rows import run_row


async def cancel_within(connection: asyncpg.Connection, run_id: UUID) -> RunStatus:
    """Cancel the run, or mark it for its holder. Raises `NotFound`, `RunAlreadyFinished`."""
    row = await connection.fetchrow(sql.LOCK_RUN, run_id)
    if row is None:
        raise NotFound("There is no such run.")
    run = run_row(row)
    if is_terminal(run.status):
        raise RunAlreadyFinished(f"The run is already {run.status}.")
    if run.status == "in_progress":
        await connection.execute(sql.MARK_CANCEL, run_id)
        return "in_progress"
    await connection.execute(sql.CANCEL_IDLE, run_id)
    await connection.execute(sql.VOID_ACTIONS, run_id)
    events = [CancelRequested(), RunCancelled(usage=run.usage)]
    await connection.execute(
        sql.APPEND_UNLEASED,
        run_id,
        [run.last_seq + 1, run.last_seq + 2],
        [encode_event(event).decode() for event in events],
    )
    return "cancelled"


async def cancel_if_asked(connection: asyncpg.Connection, run_id: UUID) -> bool:
    """Cancel a run that was just parked if somebody had asked for its end: it has no holder to do it.

    Whether another run waits behind it now.
    """
    row = await connection.fetchrow(sql.CANCEL_ASKED, run_id)
    if row is None or not row["asked"]:
        return False
    await cancel_within(connection, run_id)
    return row["successor"]
