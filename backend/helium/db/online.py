"""What migrations do to a schema in use, outside their transaction: build indexes, fill columns.

Each piece is small, gives way to whoever holds a lock, and may be broken off at any time: begun again, it
finds what is left.
"""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import asyncpg

from helium.db.database import connect_arguments
from helium.db.phases import Backfill, Index
from helium.kit.clock import Clock

LOCK_TIMEOUT_MS = 100
"""How long a migration may wait for a lock, and so how long others wait behind it."""
STATEMENT_SECONDS = 5.0
TRIES = 40
PAUSE_SECONDS = (0.2, 1.5)
"""Between two tries, drawn at random: about half a minute in all."""
BUSY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
Tell = Callable[[str], None]

INVALID = "select not indisvalid from pg_index where indexrelid = to_regclass($1)"
# Rows that others are changing are left for the next pass: nobody waits, in either direction.
BATCH = """
with part as (select {key} as key from {table} where {after} order by {key} limit {rows}),
lacking as (select {key} as key from {table} where {key} in (select key from part) and ({missing})),
mine as (select {key} as key from {table} where {key} in (select key from lacking) and ({missing})
    for no key update skip locked),
changed as (update {table} set {change} where {key} in (select key from mine) returning 1)
select (select key from part order by key desc limit 1) as last, (select count(*) from part) as seen,
    (select count(*) from lacking) as lacking, (select count(*) from changed) as changed
"""


class MigrationFailed(Exception):
    """One sentence for who migrates. What was done until then stays; the same command goes on there."""


@asynccontextmanager
async def connected(url: str, statement_seconds: float | None = None) -> AsyncGenerator[asyncpg.Connection]:
    """A connection of its own. Statements may take as long as they need, or `statement_seconds`."""
    arguments = connect_arguments(pooler=True)
    arguments["command_timeout"] = statement_seconds
    connection = await asyncpg.connect(url, **arguments)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def pause(clock: Clock) -> None:
    await clock.sleep(random.uniform(*PAUSE_SECONDS))


async def build(connection: asyncpg.Connection, index: Index, clock: Clock) -> None:
    """Build the index without keeping anybody from writing. Raises `MigrationFailed`.

    A build that was broken off leaves an index that is kept up to date and never used: it is dropped first.
    """
    for _ in range(TRIES):
        invalid: bool | None = await connection.fetchval(INVALID, index.name)
        if invalid is False:
            return
        try:
            if invalid:
                await connection.execute(f"drop index concurrently {index.name}")
            await connection.execute(index.concurrently)
        except BUSY:
            await pause(clock)
        except asyncpg.UniqueViolationError as error:
            raise MigrationFailed(
                f"The index {index.name} cannot be unique: some rows are equal."
            ) from error
    raise MigrationFailed(
        f"The index {index.name} could not be built in {TRIES} tries: look for deadlocks."
    )


async def fill(connection: asyncpg.Connection, backfill: Backfill, clock: Clock, tell: Tell) -> int:
    """Change all rows that lack it; their number. Raises `MigrationFailed` if some are locked for ever."""
    changed = 0
    for _ in range(TRIES):
        more, left = await _pass(connection, backfill, clock, tell, changed)
        changed += more
        if not left:
            return changed
        await pause(clock)
    raise MigrationFailed(f"Rows of {backfill.table} stayed locked by others: look for old transactions.")


async def _pass(
    connection: asyncpg.Connection, backfill: Backfill, clock: Clock, tell: Tell, before: int
) -> tuple[int, int]:
    """Once through the table: how many rows were changed, and how many were left to who had locked them."""
    changed = left = seen = 0
    last: object = None
    while True:
        began = clock.monotonic()
        row = await _batch(connection, backfill, last, clock)
        changed += row["changed"]
        left += row["lacking"] - row["changed"]
        seen += row["seen"]
        if row["changed"]:
            tell(f"{backfill.table}: {before + changed:,} rows changed, {seen:,} looked at")
        if row["seen"] < backfill.rows:
            return changed, left
        last = row["last"]
        # Half of the time belongs to the others.
        await clock.sleep(clock.monotonic() - began)


async def _batch(
    connection: asyncpg.Connection, backfill: Backfill, last: object, clock: Clock
) -> asyncpg.Record:
    parts = {name: getattr(backfill, name) for name in ("table", "key", "missing", "change", "rows")}
    sql = BATCH.format(after="true" if last is None else f"{backfill.key} > $1", **parts)
    for _ in range(TRIES):
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS}")
                row = await connection.fetchrow(sql, *([] if last is None else [last]))
                assert row is not None
                return row
        except BUSY:
            await pause(clock)
    raise MigrationFailed(f"{backfill.table} stayed locked by others: look for old transactions.")
