"""A restore that leaves nothing: into a database of its own, which is dropped."""

import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from helium.backup.archive import Archive
from helium.backup.errors import BackupFailed
from helium.backup.manifest import Manifest
from helium.backup.restoring import Restored, restore
from helium.backup.tables import quoted, without_limit
from helium.backup.taking import Tell, silent
from helium.kit.clock import Clock

PREFIX = "helium_drill_"
LEFT_SECONDS = 86_400
_OURS = re.compile(rf"{PREFIX}(\d+)_[0-9a-f]{{8}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """What a drill has shown."""

    restored: Restored
    recovery_point_seconds: float
    """the age of the snapshot: what is younger would be lost"""
    recovery_seconds: float
    """from the empty database to one that is checked"""


async def drill(
    url: str, archive: Archive, manifest: Manifest, clock: Clock, tell: Tell = silent
) -> Drilled:
    """Restore into a new database on the server of `url`, check it, drop it; blobs are read and verified.

    Raises what `restore` raises, and `BackupFailed` if the role may not create databases.
    """
    began_at, began = clock.time(), clock.monotonic()
    async with _new_database(url, int(began_at)) as fresh:
        restored = await restore(fresh, archive, manifest, None, tell)
        seconds = clock.monotonic() - began
    return Drilled(
        restored=restored,
        recovery_point_seconds=began_at - manifest.snapshot_at,
        recovery_seconds=seconds,
    )


@asynccontextmanager
async def _new_database(url: str, now: int) -> AsyncGenerator[str]:
    """Its URL. What killed drills have left for a day goes too."""
    name = f"{PREFIX}{now}_{os.urandom(4).hex()}"
    async with _connected(url) as connection:
        for row in await connection.fetch("select datname from pg_database"):
            match = _OURS.fullmatch(row["datname"])
            if match and int(match[1]) < now - LEFT_SECONDS:
                await _drop(connection, row["datname"])
        try:
            await connection.execute(f"create database {quoted(name)} template template0")
        except asyncpg.InsufficientPrivilegeError:
            raise BackupFailed(
                "The database's role may not create databases: `alter role … createdb`, or add --embedded."
            ) from None
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        # A new connection: one that waited through the drill may have been cut.
        async with _connected(url) as connection:
            await _drop(connection, name)


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, **without_limit())
    try:
        yield connection
    finally:
        await connection.close()


async def _drop(connection: asyncpg.Connection, name: str) -> None:
    await connection.execute(f"drop database if exists {quoted(name)} with (force)")
