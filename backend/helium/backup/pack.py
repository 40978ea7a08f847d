"""Many blobs in one stream, and out again.

Of each: a line of JSON, its chunks with their lengths, and an end with its SHA-256, or a break: then it
follows once more from its beginning, or it was given up.
"""

import hashlib
import struct
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import msgspec

from helium.backup.errors import BackupFailed
from helium.core.errors import BlobNotFound, BlobsUnavailable
from helium.ports import BlobStore

LENGTH = struct.Struct(">I")
END, BREAK = 0, 2**32 - 1
MOST_LINE_BYTES = 4096
SHA256_BYTES = 32
TRIES = 3

Keep = Callable[[str, AsyncIterator[bytes]], Awaitable[None]]
"""What is done with a blob: its key and its bytes, whose end raises if they are not whole."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    missing: bool = False
    """its bytes were not there, and nothing follows"""


class BrokenOff(Exception):
    """The blob's bytes end here, and are not whole."""


@dataclass(slots=True)
class Packed:
    """What was packed."""

    blobs: int = 0
    bytes: int = 0
    missing: int = 0
    damaged: int = 0


async def pack(
    blobs: BlobStore, wanted: AsyncIterable[tuple[str, str]], packed: Packed
) -> AsyncGenerator[bytes]:
    """The blobs of these keys; with each the SHA-256 that it should have, in hexadecimal, or "".

    A key without bytes is noted. Raises `BlobsUnavailable` if a blob cannot be read after some tries.
    """
    async for key, sha256 in wanted:
        try:
            for left in reversed(range(TRIES)):
                await blobs.stat(key)
                yield _line(Head(key=key))
                try:
                    async for chunk in _packed(blobs, key, sha256, packed):
                        yield chunk
                    break
                except (BlobNotFound, BlobsUnavailable) as error:
                    yield LENGTH.pack(BREAK)
                    if not left or isinstance(error, BlobNotFound):
                        raise
        except BlobNotFound:
            packed.missing += 1
            yield _line(Head(key=key, missing=True))


async def _packed(blobs: BlobStore, key: str, sha256: str, packed: Packed) -> AsyncGenerator[bytes]:
    digest = hashlib.sha256()
    size = 0
    async for chunk in blobs.get(key):
        digest.update(chunk)
        size += len(chunk)
        yield LENGTH.pack(len(chunk)) + chunk
    yield LENGTH.pack(END) + digest.digest()
    packed.blobs += 1
    packed.bytes += size
    packed.damaged += sha256 not in ("", digest.hexdigest())


async def unpack(stream: AsyncIterable[bytes], keep: Keep) -> AsyncGenerator[str]:
    """Give every whole blob to `keep`; the keys of those that were missing. Raises `BackupFailed`."""
    reader = _Reader(aiter(stream))
    while (head := await reader.head()) is not None:
        if head.missing:
            yield head.key
            continue
        chunks = reader.chunks(head.key)
        try:
            await keep(head.key, chunks)
            async for _ in chunks:  # what `keep` did not want
                continue
        except BrokenOff:
            continue


class _Reader:
    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._waiting = bytearray()

    async def head(self) -> Head | None:
        """The next blob's, None at the end of all."""
        while b"\n" not in self._waiting:
            if len(self._waiting) > MOST_LINE_BYTES:
                raise _unreadable()
            if not await self._more():
                if self._waiting:
                    raise _unreadable()
                return None
        line, _, rest = bytes(self._waiting).partition(b"\n")
        self._waiting = bytearray(rest)
        try:
            return msgspec.json.decode(line, type=Head)
        except msgspec.DecodeError:
            raise _unreadable() from None

    async def chunks(self, key: str) -> AsyncGenerator[bytes]:
        digest = hashlib.sha256()
        while (length := LENGTH.unpack(await self._exactly(LENGTH.size))[0]) not in (END, BREAK):
            while length:
                chunk = await self._up_to(length)
                length -= len(chunk)
                digest.update(chunk)
                yield chunk
        if length == BREAK:
            raise BrokenOff
        if await self._exactly(SHA256_BYTES) != digest.digest():
            raise BackupFailed(f"The bytes of {key} in the backup are not those that were saved.")

    async def _exactly(self, size: int) -> bytes:
        while len(self._waiting) < size:
            if not await self._more():
                raise _unreadable()
        return self._take(size)

    async def _up_to(self, size: int) -> bytes:
        if not self._waiting and not await self._more():
            raise _unreadable()
        return self._take(size)

    async def _more(self) -> bool:
        chunk = await anext(self._stream, None)
        self._waiting += chunk or b""
        return chunk is not None

    def _take(self, size: int) -> bytes:
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken


def _line(head: Head) -> bytes:
    return msgspec.json.encode(head) + b"\n"


def _unreadable() -> BackupFailed:
    return BackupFailed("The files in the backup cannot be read: it was made by another version.")
