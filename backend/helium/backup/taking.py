"""A backup, from the snapshot to the manifest."""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable

from helium import __version__
from helium.backup.archive import Archive
from helium.backup.errors import BackupFailed
from helium.backup.manifest import Files, Manifest, Part, Table
from helium.backup.pack import Packed, pack
from helium.backup.sealing import Keyring
from helium.backup.tables import CopyOut, Snapshot, open_snapshot, select_all
from helium.kit.clock import Clock
from helium.ports import BlobStore

Tell = Callable[[str, int], None]
"""Is told what goes on, and how many more bytes of it are done."""

THREADS = "threads"
"""The folder of threads' files, which no row names."""

_PLAIN = re.compile(r"[a-z0-9_]+")
# Keys are made of characters that COPY's text form leaves alone.
FILE_LIST = "select blob_key, coalesce(encode(sha256, 'hex'), '') from file where state = 'stored'"


def silent(what: str, size: int) -> None:
    """A `Tell` for whom nobody watches."""


async def take_backup(
    url: str,
    archive: Archive,
    live: BlobStore,
    clock: Clock,
    *,
    keyring: Keyring | None,
    tell: Tell = silent,
) -> Manifest:
    """Back up the database at `url`, and the blobs of `live` that its rows name and threads hold.

    The archive's data key is locked with the keyring's first. It is complete and durable on return;
    whatever interrupts this leaves a folder without a manifest, which is no backup. The database's
    transaction ends before blobs are copied. Raises `BackupFailed`, `BlobsUnavailable`, asyncpg's errors.
    """
    began_at = clock.time()
    async with open_snapshot(url) as snapshot:
        tables = [table async for table in _tables(snapshot, archive, tell)]
        named = any(table.name == "file" for table in tables)
        listed = CopyOut(snapshot.connection, FILE_LIST).chunks() if named else _nothing()
        index = await archive.write("index", listed)
    packed = Packed()
    parts = await archive.write(
        "files", _told(pack(live, _wanted(archive, index, live), packed), "files", tell)
    )
    manifest = Manifest(
        name=archive.name,
        helium=__version__,
        schema=snapshot.schema,
        server=snapshot.server,
        lsn=snapshot.lsn,
        snapshot_at=snapshot.at,
        began_at=began_at,
        finished_at=clock.time(),
        tables=tables,
        files=Files(
            blobs=packed.blobs,
            bytes=packed.bytes,
            missing=packed.missing,
            damaged=packed.damaged,
            parts=parts,
            index=index,
        ),
        key=keyring.wrap(archive.data_key) if keyring and archive.data_key else None,
    )
    await archive.seal(manifest)
    return manifest


async def _tables(snapshot: Snapshot, archive: Archive, tell: Tell) -> AsyncGenerator[Table]:
    for shape in snapshot.tables:
        if not _PLAIN.fullmatch(shape.name):
            raise BackupFailed(
                f"The table {shape.name!r} is none of Helium's: keep the schema to Helium alone."
            )
        out = CopyOut(snapshot.connection, select_all(shape))
        parts = await archive.write(f"table.{shape.name}", _told(out.chunks(), shape.name, tell))
        yield Table(name=shape.name, columns=shape.columns, rows=out.rows, parts=parts)


async def _wanted(archive: Archive, index: list[Part], live: BlobStore) -> AsyncGenerator[tuple[str, str]]:
    rest = b""
    async for content in archive.read_all(index):
        *lines, rest = (rest + content).split(b"\n")
        for line in lines:
            key, _, sha256 = line.decode().partition("\t")
            yield key, sha256
    async for blob in live.list(THREADS):
        yield blob.key, ""


async def _told(chunks: AsyncIterable[bytes], what: str, tell: Tell) -> AsyncGenerator[bytes]:
    tell(what, 0)
    async for chunk in chunks:
        tell(what, len(chunk))
        yield chunk


async def _nothing() -> AsyncGenerator[bytes]:
    for chunk in ():
        yield chunk
