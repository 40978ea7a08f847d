"""Bring the schema to this release's version."""

import re
from pathlib import Path

import asyncpg

from helium.db.database import connect_arguments

VERSIONS = Path(__file__).parent / "migrations" / "versions"
# Any number will do, as long as it never changes: it names the lock that migrations hold.
MIGRATION_LOCK = 7_202_611_230_001


def head() -> str:
    """The newest revision that this release knows; files are named `NNNN_title.py`."""
    return max(m.group(1) for f in VERSIONS.iterdir() if (m := re.match(r"(\d{4})_\w+\.py$", f.name)))


async def current(url: str) -> str | None:
    """The database's revision, or None if it has no schema yet."""
    arguments = connect_arguments(pooler=True)
    connection = await asyncpg.connect(url, **arguments)
    try:
        async with connection.transaction():
            if await connection.fetchval("select to_regclass('alembic_version')") is None:
                return None
            return await connection.fetchval("select version_num from alembic_version")
    finally:
        await connection.close()


async def migrate(url: str) -> bool:
    """Run the missing migrations in one transaction, under a lock. Whether there were any.

    Several processes may call this at once: one migrates, the others wait and find nothing to do.
    The lock belongs to the transaction, so this works through a transaction-mode pooler too.
    """
    if await current(url) == head():
        return False
    from alembic import command  # imported here: it costs more than the check above
    from alembic.config import Config
    from sqlalchemy import text
    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(VERSIONS.parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async def open_connection() -> asyncpg.Connection:
        return await asyncpg.connect(url, **connect_arguments(pooler=True))

    engine = create_async_engine("postgresql+asyncpg://", async_creator=open_connection, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"select pg_advisory_xact_lock({MIGRATION_LOCK})"))
            await connection.execute(text("set local lock_timeout = '5s'"))
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()
    return True
