"""The connection pool, direct or through a transaction-mode pooler."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from helium.db.connecting import PatientConnect
from helium.kit.clock import SystemClock

# What asyncpg raises when the server is away, restarting, full or refusing: try again later. An
# InternalClientError is its answer to a server that says good-bye while a statement is being sent.
CONNECTION_ERRORS: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)

# How a statement learns that its connection has ended, as all do when the server restarts. Neither a
# time-out nor a connect that failed is among them: who met those has waited already.
LOST: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
READ_TRIES = 3
"""More than two: the next connection of the pool may have ended too, without having noticed."""


class Connection(asyncpg.Connection):
    """A connection that keeps no session state, so that giving it back costs no query."""

    def get_reset_query(self) -> str:
        return ""


def connect_arguments(
    *, pooler: bool, timeout_seconds: float = 30.0, connect_seconds: float = 5.0
) -> dict[str, Any]:
    """Keyword arguments for asyncpg. Behind a pooler no prepared statement may be kept by name."""
    arguments: dict[str, Any] = {"timeout": connect_seconds, "command_timeout": timeout_seconds}
    if pooler:
        arguments["statement_cache_size"] = 0
    else:
        arguments["server_settings"] = {"application_name": "helium", "jit": "off"}
    return arguments


class Database:
    """A pool of connections. Every method is one transaction and holds no connection afterwards."""

    def __init__(self, pool: asyncpg.Pool, *, pooler: bool) -> None:
        self._pool = pool
        self._pooler = pooler
        self.callers = 0
        """Those who have a connection or wait for one."""

    @property
    def pool(self) -> asyncpg.Pool:
        return self._pool

    @asynccontextmanager
    async def _acquired(self) -> AsyncGenerator[asyncpg.Connection]:
        self.callers += 1
        try:
            async with self._pool.acquire() as connection:
                yield connection  # pyright: ignore[reportReturnType] - the proxy has the same methods
        finally:
            self.callers -= 1

    async def fetch(self, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """All rows. A `select` whose connection ends on the way is asked again on another one; a statement
        that writes never is, because it may have been done."""
        for _ in range(READ_TRIES - 1 if sql.lstrip()[:6].lower() == "select" else 0):
            with contextlib.suppress(*LOST):
                return await self._fetch(sql, *arguments)
        return await self._fetch(sql, *arguments)

    async def _fetch(self, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        async with self._acquired() as connection:
            if not self._pooler:
                return await connection.fetch(sql, *arguments)
            # An unnamed statement is parsed and run in two messages; only a transaction keeps
            # both on one server connection.
            async with connection.transaction():
                return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None

    async def execute(self, sql: str, *arguments: object) -> None:
        await self.fetch(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[asyncpg.Connection]:
        """Several statements in one transaction: committed at the end, rolled back on any exception."""
        async with self._acquired() as connection, connection.transaction():
            yield connection


@asynccontextmanager
async def open_database(
    url: str,
    *,
    pool_size: int,
    pooler: bool,
    timeout_seconds: float = 30.0,
    connect_seconds: float = 5.0,
    patience_seconds: float = 0.0,
) -> AsyncGenerator[Database]:
    """A pool on `url` with at most `pool_size` connections, closed at the end.

    A statement that takes longer than `timeout_seconds` fails with `TimeoutError`. Once the pool is open, a
    server that restarts within `patience_seconds` is waited for.
    """
    connect = PatientConnect(asyncpg.connect, SystemClock(), 0.0)
    pool = await asyncpg.create_pool(
        url,
        min_size=min(2, pool_size),
        max_size=pool_size,
        max_inactive_connection_lifetime=300.0,
        connection_class=Connection,
        connect=connect,
        **connect_arguments(
            pooler=pooler, timeout_seconds=timeout_seconds, connect_seconds=connect_seconds
        ),
    )
    connect.seconds = patience_seconds
    try:
        yield Database(pool, pooler=pooler)
    finally:
        await _close(pool)


async def _close(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(3):
            await pool.close()
    except TimeoutError:
        pool.terminate()
