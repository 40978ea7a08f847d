"""Blobs that vanish, break off or change while they are packed."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

import pytest

from helium.adapters.blobs import ObjectBlobs, open_blobs
from helium.backup import BackupFailed
from helium.backup.pack import Packed, pack, unpack
from helium.core.errors import BlobNotFound, BlobsUnavailable
from tests.backup.installation import stream


class Flaky:
    """A store in which reading a blob breaks off after its first bytes, so many times."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.inner = open_blobs("memory:///")
        self.stat = self.inner.stat
        self.left = failures
        self.error = error

    async def get(self, key: str) -> AsyncIterator[bytes]:
        self.left -= 1
        async for chunk in self.inner.get(key):
            yield chunk[:3]
            if self.left >= 0:
                raise self.error
            yield chunk[3:]


async def wanted(*keys: str) -> AsyncIterator[tuple[str, str]]:
    for key in keys:
        yield key, ""


async def joined(chunks: AsyncIterable[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def unpacked(packed: bytes, chunk: int = 5) -> tuple[dict[str, bytes], list[str]]:
    """What is kept, and what was missing, when the stream comes in small chunks."""
    kept: dict[str, bytes] = {}

    async def keep(key: str, chunks: AsyncIterator[bytes]) -> None:
        kept[key] = await joined(chunks)

    async def source() -> AsyncIterator[bytes]:
        for at in range(0, len(packed), chunk):
            yield packed[at : at + chunk]

    return kept, [key async for key in unpack(source(), keep)]


async def pack_of(blobs: ObjectBlobs | Flaky, packed: Packed, *keys: str) -> bytes:
    return await joined(pack(blobs, wanted(*keys), packed))  # pyright: ignore[reportArgumentType] - a part


async def test_a_blob_that_breaks_off_is_read_again() -> None:
    flaky, packed = Flaky(2, BlobsUnavailable("Away.")), Packed()
    await flaky.inner.put("a", stream(b"hello"))

    stored = await pack_of(flaky, packed, "a")

    assert await unpacked(stored) == ({"a": b"hello"}, [])
    assert packed == Packed(blobs=1, bytes=5)


async def test_a_blob_that_cannot_be_read_ends_the_backup() -> None:
    flaky = Flaky(3, BlobsUnavailable("Away."))
    await flaky.inner.put("a", stream(b"hello"))

    with pytest.raises(BlobsUnavailable):
        await pack_of(flaky, Packed(), "a")


async def test_a_blob_that_vanishes_halfway_is_missing() -> None:
    flaky, packed = Flaky(1, BlobNotFound("Gone.")), Packed()
    for key in ("a", "b"):
        await flaky.inner.put(key, stream(key.encode() * 5))

    stored = await pack_of(flaky, packed, "a", "b", "c")

    assert await unpacked(stored) == ({"b": b"bbbbb"}, ["a", "c"])
    assert (packed.blobs, packed.missing) == (1, 2)


async def test_bytes_that_are_not_those_that_were_saved_are_refused() -> None:
    blobs = open_blobs("memory:///")
    await blobs.put("a", stream(b"hello"))
    stored = await pack_of(blobs, Packed(), "a")

    with pytest.raises(BackupFailed, match="The bytes of a in the backup are not those that were saved"):
        await unpacked(stored.replace(b"hello", b"jello"))


@pytest.mark.parametrize("cut", [3, 12, 17, 20, -1])
async def test_a_stream_that_is_cut_is_refused(cut: int) -> None:
    blobs = open_blobs("memory:///")
    await blobs.put("a", stream(b"hello"))
    stored = await pack_of(blobs, Packed(), "a")

    with pytest.raises(BackupFailed, match="cannot be read"):
        await asyncio.wait_for(unpacked(stored[:cut]), 5)
