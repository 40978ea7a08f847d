"""Blobs on an object store, through obstore."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import obstore
import structlog
from obstore.store import GCSStore, LocalStore, ObjectStore, S3Store

from helium.adapters.blobs.failures import CONFLICTS, translated
from helium.adapters.blobs.feed import Feed, chained, read_up_to
from helium.adapters.blobs.folder import LocalFolder
from helium.adapters.blobs.keys import checked_folder, checked_key
from helium.core.errors import BlobNotFound, BlobsUnavailable
from helium.ports import StoredBlob

log = structlog.get_logger()

PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes; 10,000 parts make 50 GB
PARTS_AT_ONCE = 2
READ_BYTES = 2 * 1024 * 1024
UNDO_SECONDS = 10.0
UPDATE_TRIES = 5
LIST_PAGE = 1000

# Nothing that a stranger uploaded is ever shown by a browser on the bucket's own address.
_ATTRIBUTES: Any = {"Content-Disposition": "attachment", "Content-Type": "application/octet-stream"}


class ObjectBlobs:
    """A `BlobStore`. A put holds about 4 parts of 5 MiB in memory, a get one piece of 2 MiB.

    A cancelled `put` aborts its multipart upload. One whose process is killed leaves parts behind, which
    nobody sees: the bucket's lifecycle rule ends them, and in a folder `remove_unfinished` does.
    """

    def __init__(self, store: ObjectStore, folder: LocalFolder | None = None) -> None:
        self._store = store
        self._folder = folder
        self._attributes = _ATTRIBUTES if isinstance(store, GCSStore | S3Store) else None

    async def put(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        checked_key(key)
        rest = aiter(chunks)
        head = await read_up_to(PART_BYTES, rest)
        feed = Feed()
        # One request for a small blob. No upload is ever cancelled: it would leave its parts behind.
        small = len(head) < PART_BYTES
        upload = asyncio.create_task(self._put_small(key, head) if small else self._put_parts(key, feed))
        upload.add_done_callback(feed.close)
        try:
            size = len(head) if small else await feed.fill(chained(head, rest))
            await asyncio.shield(upload)
        except BaseException:
            feed.break_off()
            await self._undo(key, upload)
            raise
        return size

    async def _put_small(self, key: str, content: bytes) -> None:
        with translated(key, reading=False):
            await self._put_whole(key, content, "overwrite")

    async def _put_parts(self, key: str, feed: Feed) -> None:
        with translated(key, reading=False):
            await obstore.put_async(
                self._store,
                key,
                feed.taken(),
                attributes=self._attributes,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
            await self._sync(key)

    async def _sync(self, key: str) -> None:
        if self._folder is not None:
            await asyncio.to_thread(self._folder.sync, key)

    async def _undo(self, key: str, upload: "asyncio.Task[None]") -> None:
        """Wait until the upload has given up, and remove what it stored if it could not any more."""
        await asyncio.wait({upload}, timeout=UNDO_SECONDS)
        if not upload.done():
            upload.cancel()
        elif not upload.cancelled() and upload.exception() is None:
            try:
                await self.delete(key)
            except BlobsUnavailable:
                return  # the reason why the put has failed matters more; the bytes are an orphan

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        # One request for each piece: a slow reader keeps no connection to the store waiting.
        found = await self.stat(key)
        stop = found.size if end is None else min(end, found.size)
        options: dict[str, Any] = {"if_match": found.etag} if found.etag else {}
        for position in range(start, stop, READ_BYTES):
            options["range"] = (position, min(position + READ_BYTES, stop))
            with translated(key):
                result = await obstore.get_async(self._store, key, options=options)  # pyright: ignore[reportArgumentType]
                piece = bytes(await result.bytes_async())
            yield piece

    async def stat(self, key: str) -> StoredBlob:
        with translated(key):
            return _blob(await obstore.head_async(self._store, checked_key(key)))

    async def delete(self, key: str) -> None:
        try:
            with translated(key):
                await obstore.delete_async(self._store, checked_key(key))
        except BlobNotFound:
            return

    async def list(self, prefix: str) -> AsyncIterator[StoredBlob]:
        folder = checked_folder(prefix)
        with translated(prefix, reading=False):
            async for page in obstore.list(self._store, folder, chunk_size=LIST_PAGE):
                for found in page:
                    yield _blob(found)

    async def sign(self, key: str, lifetime: timedelta, *, method: str = "GET") -> str | None:
        """None also on Google's store when this process has neither a key nor the right to sign with
        its service account: that is logged, and the caller streams."""
        path = checked_key(key)
        if not isinstance(self._store, GCSStore | S3Store):
            return None
        try:
            with translated(key):
                return await obstore.sign_async(self._store, method, path, lifetime)  # pyright: ignore[reportArgumentType, reportCallIssue]
        except BlobsUnavailable:
            if isinstance(self._store, GCSStore):
                return None
            raise

    async def update(self, key: str, change: Callable[[bytes], bytes]) -> None:
        """Replace a small blob by what `change` makes of its content, which is empty if there is none.

        Where the store compares versions (all but a folder) no other update is lost: `change` is then
        called again with the newer content. In a folder the last of two at once wins. Whatever
        `change` raises comes out, and nothing is stored. Raises `BlobsUnavailable` if others were
        quicker every time.
        """
        for _ in range(UPDATE_TRIES):
            content, mode = await self._read_to_update(checked_key(key))
            if await self._put_if(key, change(content), mode):
                return
        raise BlobsUnavailable("Others write to the same place all the time. Try again in a moment.")

    async def _read_to_update(self, key: str) -> tuple[bytes, Any]:
        """The content, and the condition under which it may be replaced."""
        try:
            with translated(key):
                found = await obstore.get_async(self._store, key)
                content = bytes(await found.bytes_async())
        except BlobNotFound:
            return b"", "create"
        if isinstance(self._store, LocalStore):
            return content, "overwrite"
        names = ("e_tag", "version")
        return content, {name: found.meta[name] for name in names if found.meta[name] is not None}

    async def _put_if(self, key: str, content: bytes, mode: Any) -> bool:
        try:
            with translated(key, reading=False):
                await self._put_whole(key, content, mode)
        except BlobsUnavailable as error:
            if isinstance(error.__cause__, CONFLICTS):
                return False
            raise
        return True

    async def _put_whole(self, key: str, content: bytes, mode: Any) -> None:
        await obstore.put_async(
            self._store, key, content, mode=mode, attributes=self._attributes, use_multipart=False
        )
        await self._sync(key)

    async def remove_unfinished(self, before: float) -> int:
        """Remove what killed processes left of uploads in a folder before then (seconds since 1970); how
        many. On an object store the bucket's lifecycle rule does that, and nothing happens here."""
        if self._folder is None:
            return 0
        return await asyncio.to_thread(self._folder.remove_unfinished, before)


def _blob(found: Any) -> StoredBlob:
    return StoredBlob(
        key=found["path"],
        size=found["size"],
        modified_at=found["last_modified"].timestamp(),
        etag=found["e_tag"],
    )
