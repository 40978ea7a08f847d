"""The rows of all tables, out of a database and into one, whatever its schema's revision.

Tables are found in the catalog and never listed here: a migration that adds one cannot forget its backup.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import asyncpg

from helium.backup.errors import BackupFailed
from helium.db.database import connect_arguments

HAS_SCHEMA = "select to_regclass('alembic_version') is not null"
SCHEMA = "select version_num from alembic_version"

# A table of an extension belongs to it. `row_security = off` makes a role that may not see all rows fail.
TABLES = """
select c.relname as name, pg_table_size(c.oid) as bytes,
    array(select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        order by a.attnum) as columns,
    array(select distinct f.relname::text from pg_constraint k join pg_class f on f.oid = k.confrelid
        where k.conrelid = c.oid and k.contype = 'f' and k.confrelid <> k.conrelid) as needs
from pg_class c
where c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'alembic_version'
    and c.relnamespace = current_schema()::regnamespace
    and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass
        and d.objid = c.oid and d.deptype = 'e')
order by c.relname
"""

# The same text wherever it is written and read; and no limit on how long it may take.
COPYING = """
set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; set local timezone = 'UTC';
set local bytea_output = 'hex'; set local extra_float_digits = 1; set local row_security = off;
set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0
"""

SNAPSHOT = """
select (select version_num from alembic_version) as schema, current_setting('server_version') as server,
    extract(epoch from now())::float8 as at, (case when pg_is_in_recovery()
        then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)::text as lsn
"""

COUNTERS = """
select c.relname as name, a.attname as column,
    pg_get_serial_sequence(quote_ident(c.relname), a.attname) as seq
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
    and pg_get_serial_sequence(quote_ident(c.relname), a.attname) is not null
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    name: str
    columns: list[str]
    bytes: int
    """about"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What all reads of one connection see from now on."""

    connection: asyncpg.Connection
    schema: str
    server: str
    at: float
    """seconds since 1970, by the database's clock"""
    lsn: str
    tables: list[TableShape]


@asynccontextmanager
async def open_snapshot(url: str) -> AsyncGenerator[Snapshot]:
    """One read-only view of the whole database; writers go on. Raises `BackupFailed` without a schema."""
    connection = await asyncpg.connect(url, **without_limit())
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(COPYING)
            if not await connection.fetchval(HAS_SCHEMA):
                raise BackupFailed("There is nothing to back up: the database is empty.")
            seen = await connection.fetchrow(SNAPSHOT)
            assert seen is not None
            yield Snapshot(connection=connection, tables=await shapes(connection), **dict(seen))
    finally:
        await connection.close()


def without_limit() -> dict[str, Any]:
    """How to connect: fit for a pooler, and no limit on a statement's time."""
    return {**connect_arguments(pooler=True), "command_timeout": None}


async def shapes(connection: asyncpg.Connection) -> list[TableShape]:
    """All tables, each after those that it refers to."""
    rows = {row["name"]: row for row in await connection.fetch(TABLES)}
    order = TopologicalSorter({name: set(row["needs"]) & set(rows) for name, row in rows.items()})
    return [
        TableShape(name=name, columns=rows[name]["columns"], bytes=rows[name]["bytes"])
        for name in order.static_order()
    ]


class CopyOut:
    """The result of a query as a stream; `rows` is their number once it has ended."""

    def __init__(self, connection: asyncpg.Connection, query: str) -> None:
        self._connection = connection
        self._query = query
        self._left = False
        self.rows = 0

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The server waits for whoever reads. Leaving early ends the query."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        work = asyncio.create_task(self._copy(queue))
        try:
            while (chunk := await queue.get()) is not None:
                yield chunk
            await work
        finally:
            self._left = True
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _copy(self, queue: asyncio.Queue[bytes | None]) -> None:
        try:
            status = await self._connection.copy_from_query(self._query, output=queue.put)
            self.rows = int(status.split()[-1])
        finally:
            if not self._left:
                await queue.put(None)


def select_all(table: TableShape) -> str:
    return f"select {', '.join(map(quoted, table.columns))} from {quoted(table.name)}"  # noqa: S608 - quoted


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def copy_in(
    connection: asyncpg.Connection, table: str, columns: list[str], source: AsyncIterable[bytes]
) -> int:
    """Insert rows; how many. Whatever `source` raises comes out, and the transaction is broken then."""
    status = await connection.copy_to_table(table, columns=columns, source=source)
    return int(status.split()[-1])


async def set_counters(connection: asyncpg.Connection) -> None:
    """Let every generated number go on after the largest one that is there."""
    for row in await connection.fetch(COUNTERS):
        largest = f"select max({quoted(row['column'])}) from {quoted(row['name'])}"  # noqa: S608 - quoted
        await connection.execute(
            f"select setval($1::regclass, coalesce(({largest}), 0) + 1, false)", row["seq"]
        )
