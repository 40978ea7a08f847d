"""An empty database: schema and rows come in one transaction, so all is there afterwards, or nothing."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from helium.backup.errors import BackupFailed
from helium.backup.tables import COPYING, HAS_SCHEMA, SCHEMA, quoted, shapes, without_limit
from helium.db.migrate import MIGRATION_LOCK, VERSIONS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Blank:
    """A database without rows, within a transaction of ours. Nobody else migrates meanwhile."""

    def __init__(self, outer: "AsyncConnection", connection: asyncpg.Connection) -> None:
        self._outer = outer
        self.connection = connection

    async def upgrade(self, revision: str) -> None:
        """Bring the schema to this revision."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(VERSIONS.parent))

        def run(connection: object) -> None:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

        await self._outer.run_sync(run)

    async def clear(self) -> None:
        """Keep others from writing, and delete what migrations have put into the tables."""
        for table in reversed(await shapes(self.connection)):
            await self.connection.execute(f"lock table {quoted(table.name)} in share row exclusive mode")
            await self.connection.execute(f"delete from {quoted(table.name)}")  # noqa: S608 - quoted


@asynccontextmanager
async def open_blank(url: str, revision: str) -> AsyncGenerator[Blank]:
    """The transaction, committed at the end, rolled back on any exception.

    Raises `BackupFailed` unless the database has no rows, and no schema that is newer than `revision`.
    """
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url, **without_limit())

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as outer:
            await outer.execute(text(f"select pg_advisory_xact_lock({MIGRATION_LOCK})"))
            driver = (await outer.get_raw_connection()).driver_connection
            assert isinstance(driver, asyncpg.Connection)
            await _must_be_blank(driver, revision)
            await driver.execute(COPYING)
            yield Blank(outer, driver)
    finally:
        await engine.dispose()


async def _must_be_blank(connection: asyncpg.Connection, revision: str) -> None:
    tables = await shapes(connection)
    for table in tables:
        if await connection.fetchval(f"select exists (select 1 from {quoted(table.name)})"):  # noqa: S608 - quoted
            raise BackupFailed(
                f"The database is not empty (the table {table.name} has rows): restore into a new one."
            )
    if not await connection.fetchval(HAS_SCHEMA):
        if tables:
            raise BackupFailed("The database holds tables of something else: restore into a new one.")
        return
    found = await connection.fetchval(SCHEMA)
    if found is not None and found > revision:
        raise BackupFailed(
            f"The database has the schema {found}, and the backup is of {revision}: restore into a new one."
        )
