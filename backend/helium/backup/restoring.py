"""The way back: from a backup into an empty database and a store of blobs."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import asyncpg

from helium.backup.archive import Archive
from helium.backup.errors import BackupFailed
from helium.backup.manifest import Manifest, Part
from helium.backup.pack import unpack
from helium.backup.schema import Blank, open_blank
from helium.backup.tables import copy_in, set_counters, shapes
from helium.backup.taking import Tell, silent
from helium.core.errors import BlobNotFound
from helium.db.checker import check_database
from helium.db.migrate import head
from helium.db.run_queue import REQUEUE_EXPIRED
from helium.ports import BlobStore

BATCH = 1000


@dataclass(slots=True)
class Restored:
    """What was done."""

    rows: int = 0
    requeued: int = 0
    """runs whose workers are gone"""
    blobs: int = 0
    """read from the backup, all in accord with their checksums"""
    stored: int = 0
    """of these, the ones that were not there"""
    lost: int = 0
    """files that are marked as deleted, because the backup has no bytes of them"""
    violations: tuple[str, ...] = ()
    """what the checker says"""


async def restore(
    url: str, archive: Archive, manifest: Manifest, live: BlobStore | None, tell: Tell = silent
) -> Restored:
    """Fill the empty database at `url`, and `live` with the blobs that are missing there (None: only check
    them). Schema and rows are visible together, at the end, when every row and byte has been verified.

    Raises `BackupFailed`, and then the database is as it was; blobs that were stored by then are left.
    """
    await asyncio.to_thread(_must_be_known, manifest)
    done = Restored()
    async with open_blank(url, manifest.schema) as blank:
        await blank.upgrade(manifest.schema)
        await _fill(blank, archive, manifest, tell, done)
        # Before anything else is written, and be it by a trigger.
        await set_counters(blank.connection)
        await blank.upgrade("head")
        await _free_runs(blank.connection, done)
        await _restore_blobs(blank.connection, archive, manifest.files.parts, live, tell, done)
        await blank.connection.execute("analyze")
    done.violations = tuple(await check_database(url))
    return done


def _must_be_known(manifest: Manifest) -> None:
    if manifest.schema > head():
        raise BackupFailed(
            f"The backup has the schema {manifest.schema} of Helium {manifest.helium}, this one knows"
            f" {head()}: use that version or a newer one."
        )


async def _fill(blank: Blank, archive: Archive, manifest: Manifest, tell: Tell, done: Restored) -> None:
    known = {shape.name: shape.columns for shape in await shapes(blank.connection)}
    await blank.clear()
    for table in manifest.tables:
        if not set(table.columns) <= set(known.get(table.name, [])):
            raise BackupFailed(
                f"The backup's table {table.name} is not one of the schema {manifest.schema}."
            )
        source = _told(archive, table.parts, table.name, tell)
        rows = await copy_in(blank.connection, table.name, table.columns, source)
        if rows != table.rows:
            raise BackupFailed(
                f"The table {table.name} has {rows} rows in the backup instead of {table.rows}."
            )
        done.rows += rows


async def _free_runs(connection: asyncpg.Connection, done: Restored) -> None:
    """The workers of the snapshot are gone, and so is every lease: their tokens open nothing any more."""
    await connection.execute("delete from worker")
    while freed := await connection.fetch(REQUEUE_EXPIRED, BATCH, 1, "lease_expired"):
        done.requeued += len(freed)


async def _restore_blobs(
    connection: asyncpg.Connection,
    archive: Archive,
    parts: list[Part],
    live: BlobStore | None,
    tell: Tell,
    done: Restored,
) -> None:
    async def keep(key: str, chunks: AsyncIterator[bytes]) -> None:
        # A connection on which nothing happens for long is cut by whatever stands between.
        await connection.execute("select 1")
        if live is not None and not await _is_there(live, key):
            await live.put(key, chunks)
            done.stored += 1
        async for _ in chunks:
            continue
        done.blobs += 1

    async for key in unpack(_told(archive, parts, "files", tell), keep):
        marked = await connection.execute(
            "update file set state = 'deleting', state_at = clock_timestamp() where blob_key = $1", key
        )
        done.lost += int(marked.split()[-1])


async def _is_there(live: BlobStore, key: str) -> bool:
    try:
        await live.stat(key)
    except BlobNotFound:
        return False
    return True


async def _told(archive: Archive, parts: list[Part], what: str, tell: Tell) -> AsyncGenerator[bytes]:
    tell(what, 0)
    async for content in archive.read_all(parts):
        tell(what, len(content))
        yield content
