"""Bring the schema to this release's version, while others use it. Decision 0026."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from helium.db.database import connect_arguments
from helium.db.online import (
    BUSY,
    LOCK_TIMEOUT_MS,
    STATEMENT_SECONDS,
    TRIES,
    MigrationFailed,
    Tell,
    build,
    connected,
    fill,
    pause,
)
from helium.db.phases import Phase
from helium.db.revisions import VERSIONS, Migrations, OutOfOrder, Revision
from helium.kit.clock import Clock, SystemClock

__all__ = ["MIGRATION_LOCK", "VERSIONS", "current", "head", "migrate"]

# Any number will do, as long as it never changes: it names the lock that migrations hold.
MIGRATION_LOCK = 7_202_611_230_001
LOOK_SECONDS = 0.2
BUSY_STATES = {error.sqlstate for error in BUSY}
TOO_LONG = asyncpg.QueryCanceledError.sqlstate
Limits = Mapping[str, int]
"""Milliseconds, by the name of PostgreSQL's setting."""


def head() -> str:
    """The newest revision that this release knows."""
    return Migrations().head


async def current(url: str) -> str | None:
    """The database's revision, or None if it has no schema yet."""
    async with connected(url, statement_seconds=30.0) as connection:
        return await _revision(connection)


async def _revision(connection: asyncpg.Connection) -> str | None:
    async with connection.transaction():
        if await connection.fetchval("select to_regclass('alembic_version')") is None:
            return None
        return await connection.fetchval("select version_num from alembic_version")


def silent(_: str) -> None:
    return


async def migrate(
    url: str, phase: Phase = "enforce", *, tell: Tell = silent, migrations: Migrations | None = None
) -> bool:
    """Run the missing migrations up to and with this phase, under a lock. Whether there were any.

    Several processes may call this at once: one migrates, the others wait and find nothing to do. A schema
    that is newer than this release is left alone. Each migration is one transaction that gives way to
    others; a database without a schema, which nobody uses, gets all in one. No session state, so this works
    through a transaction-mode pooler too.

    Raises `MigrationFailed`: the migrations before are done, and the next call goes on from there.
    """
    runner = Runner(url, migrations or Migrations(), SystemClock(), tell)
    try:
        return await runner.run(phase)
    except OutOfOrder as refusal:
        raise MigrationFailed(str(refusal)) from refusal


@dataclass(frozen=True, slots=True)
class Runner:
    """Brings one database forward."""

    url: str
    migrations: Migrations
    clock: Clock
    tell: Tell

    async def run(self, phase: Phase) -> bool:
        found = await current(self.url)
        if found is not None and not self.migrations.next(found, phase):
            return False
        async with self._alone() as connection:
            found = await _revision(connection)
            if found is None:
                limits = {"lock_timeout": 5000, "statement_timeout": 0}
                await self._upgrade(self.migrations.head, limits)
                return True
            revisions = self.migrations.next(found, phase)
            for revision in revisions:
                await self._apply(revision)
        return bool(revisions)

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[asyncpg.Connection]:
        """Hold the lock of migrations, in a transaction that is open for as long and does nothing.

        Whoever waits asks again and again instead of standing in line: a statement that waits keeps a
        snapshot, and an index cannot be finished while there is an older one.
        """
        async with connected(self.url) as connection:
            while True:
                async with connection.transaction(isolation="read_committed"):
                    await connection.execute("set local idle_in_transaction_session_timeout = 0")
                    if await connection.fetchval(f"select pg_try_advisory_xact_lock({MIGRATION_LOCK})"):
                        yield connection
                        return
                await self.clock.sleep(LOOK_SECONDS)

    async def _apply(self, revision: Revision) -> None:
        """One revision: what it prepares piece by piece, then its transaction."""
        began, module = self.clock.monotonic(), self.migrations.module(revision)
        name = f"{revision.number} ({revision.phase})"
        async with connected(self.url) as connection:
            for index in getattr(module, "indexes", ()):
                await build(connection, index, self.clock)
            for backfill in getattr(module, "backfills", ()):
                await fill(connection, backfill, self.clock, lambda said: self.tell(f"{name}: {said}"))
        seconds = getattr(module, "statement_seconds", STATEMENT_SECONDS)
        limits = {"lock_timeout": LOCK_TIMEOUT_MS, "statement_timeout": round(seconds * 1000)}
        tries = await self._try(name, revision.number, limits)
        again = f", {tries} tries" if tries > 1 else ""
        self.tell(f"{name}: done in {self.clock.monotonic() - began:.2f} s{again}")

    async def _try(self, name: str, number: str, limits: Limits) -> int:
        """The revision's transaction, again and again until it gets its locks; how often it was tried."""
        from sqlalchemy.exc import DBAPIError

        for tries in range(1, TRIES + 1):
            try:
                await self._upgrade(number, limits, prepared=True)
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state == TOO_LONG:
                    longest = limits["statement_timeout"] / 1000
                    raise MigrationFailed(f"{name}: a statement took longer than {longest:g} s.") from error
                if state not in BUSY_STATES:
                    raise
            else:
                return tries
            await pause(self.clock)
        raise MigrationFailed(
            f"{name}: others held its tables in all of {TRIES} tries: look for old transactions, then run"
            " it again."
        )

    async def _upgrade(self, number: str, limits: Limits, *, prepared: bool = False) -> None:
        """Bring the schema to this revision, in one transaction."""
        from alembic import command  # imported here: it costs more than to see that nothing is to be done
        from sqlalchemy import text
        from sqlalchemy.engine import Connection
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.pool import NullPool

        def upgrade(connection: Connection) -> None:
            config = self.migrations.config()
            config.attributes.update(connection=connection, prepared=prepared)
            command.upgrade(config, number)

        async def open_connection() -> asyncpg.Connection:
            arguments = connect_arguments(pooler=True)
            arguments["command_timeout"] = None  # the database's own limits are set below
            return await asyncpg.connect(self.url, **arguments)

        engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=open_connection, poolclass=NullPool
        )
        try:
            async with engine.begin() as connection:
                for name, milliseconds in limits.items():
                    await connection.execute(text(f"set local {name} = {milliseconds}"))
                await connection.run_sync(upgrade)
        finally:
            await engine.dispose()
