"""Chunks on their way from the task that makes them to the one that uploads them."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator


class BrokenOff(Exception):
    """The maker of the chunks has failed or was cancelled: keep nothing."""


class Feed:
    """At most one chunk is in between. The maker's failure never reaches the store's code as it is,
    and a dead upload never leaves the maker waiting."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes | BrokenOff | None] = asyncio.Queue(1)
        self._over = False

    async def fill(self, chunks: AsyncIterable[bytes]) -> int:
        """Hand over everything; the number of bytes. Returns early once `close` was called."""
        size = 0
        async for chunk in chunks:
            if chunk:
                await self._chunks.put(chunk)
            if self._over:
                return size
            size += len(chunk)
        await self._chunks.put(None)
        return size

    def break_off(self) -> None:
        """Make the upload fail at its next chunk, instead of whatever waits to be taken."""
        self._discard()
        self._chunks.put_nowait(BrokenOff())

    def close(self, upload: "asyncio.Task[None]") -> None:
        """The upload has ended, and takes no chunks any more: let a waiting `fill` go on, to its end."""
        self._over = True
        self._discard()

    def _discard(self) -> None:
        while not self._chunks.empty():
            self._chunks.get_nowait()

    async def taken(self) -> AsyncIterator[bytes]:
        while True:
            chunk = await self._chunks.get()
            if isinstance(chunk, BrokenOff):
                raise chunk
            if chunk is None:
                return
            yield chunk


async def read_up_to(size: int, chunks: AsyncIterator[bytes]) -> bytes:
    """The first chunks, joined: at least `size` bytes, or all that there are."""
    found = bytearray()
    while len(found) < size:
        try:
            found += await anext(chunks)
        except StopAsyncIteration:
            break
    return bytes(found)


async def chained(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for chunk in rest:
        yield chunk
