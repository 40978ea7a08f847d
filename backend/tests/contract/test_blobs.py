"""What every store of blobs promises, on every store that there is."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from helium.adapters.blobs import ObjectBlobs
from helium.core.errors import BlobNotFound
from helium.ports import BlobStore
from tests.support.object_stores import KINDS, Opened, chunks_of, new_store

MEBIBYTE = 1024 * 1024


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    return Opened(*new_store(request.param, tmp_path))


def test_the_store_is_a_blob_store(store: Opened) -> None:
    blobs: BlobStore = store.blobs
    assert isinstance(blobs, ObjectBlobs)


@pytest.mark.parametrize("size", [0, 1, 5 * MEBIBYTE, 20_000_001])
async def test_a_blob_is_read_as_it_was_put(store: Opened, size: int) -> None:
    content = random.Random(size).randbytes(size)

    assert await store.put("files/a", content) == size

    found = await store.blobs.stat("files/a")
    assert (found.key, found.size) == ("files/a", size)
    assert found.modified_at > 1_000_000_000
    digest = hashlib.sha256()
    async for chunk in store.blobs.get("files/a"):
        assert len(chunk) <= 2 * MEBIBYTE
        digest.update(chunk)
    assert digest.digest() == hashlib.sha256(content).digest()
    assert await asyncio.to_thread(store.unfinished) == []


async def test_putting_again_replaces(store: Opened) -> None:
    await store.put("a", b"long")
    await store.put("a", b"b")

    assert await store.get("a") == b"b"


@pytest.mark.parametrize("size", [100_000, 12 * MEBIBYTE])
async def test_a_source_that_fails_leaves_nothing(store: Opened, size: int) -> None:
    async def failing() -> AsyncIterator[bytes]:
        async for chunk in chunks_of(bytes(size)):
            yield chunk
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError, match="the source is gone"):
        await store.blobs.put("a", failing())

    assert await store.nothing_left()


@pytest.mark.parametrize("size", [100_000, 12 * MEBIBYTE])
async def test_a_cancelled_put_leaves_nothing(store: Opened, size: int) -> None:
    waits = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        async for chunk in chunks_of(bytes(size)):
            yield chunk
        waits.set()
        await asyncio.Event().wait()

    put = asyncio.create_task(store.blobs.put("a", stalled()))
    await waits.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put

    assert await store.nothing_left()


@pytest.mark.parametrize("size", [1, 6 * MEBIBYTE])
async def test_a_put_that_is_cancelled_at_its_very_end_leaves_nothing(store: Opened, size: int) -> None:
    ended = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        yield bytes(size)
        ended.set()

    put = asyncio.create_task(store.blobs.put("a", source()))
    await ended.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put

    assert await store.nothing_left()


async def test_nothing_is_visible_before_the_whole_is_there(store: Opened) -> None:
    async def watched() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(4 * MEBIBYTE)
            assert await store.keys() == []
            with pytest.raises(BlobNotFound):
                await store.blobs.stat("a")

    await store.blobs.put("a", watched())

    assert await store.keys() == ["a"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 5, b"34"),
        (0, 10, b"0123456789"),
        (8, 99, b"89"),
        (10, None, b""),
        (99, None, b""),
        (5, 5, b""),
        (5, 2, b""),
    ],
)
async def test_a_range_is_read(store: Opened, start: int, end: int | None, expected: bytes) -> None:
    await store.put("a", b"0123456789")

    assert await store.get("a", start, end) == expected


async def test_a_range_across_pieces_is_read(store: Opened) -> None:
    content = random.Random(7).randbytes(7 * MEBIBYTE)
    await store.put("a", content)

    assert await store.get("a", MEBIBYTE + 1, 6 * MEBIBYTE) == content[MEBIBYTE + 1 : 6 * MEBIBYTE]


async def test_a_missing_key_is_not_found(store: Opened) -> None:
    with pytest.raises(BlobNotFound):
        await store.get("files/none")
    with pytest.raises(BlobNotFound):
        await store.blobs.stat("files/none")


async def test_blobs_are_listed_by_folder(store: Opened) -> None:
    for key in ("a/b", "a/c/d", "ab", "b"):
        await store.put(key, key.encode())

    assert await store.keys() == ["a/b", "a/c/d", "ab", "b"]
    assert await store.keys("a") == await store.keys("a/") == ["a/b", "a/c/d"]
    assert await store.keys("none") == []
    sizes = {blob.key: blob.size async for blob in store.blobs.list("a")}
    assert sizes == {"a/b": 3, "a/c/d": 5}


async def test_deleting_twice_is_deleting_once(store: Opened) -> None:
    await store.put("a/b")
    await store.put("a/c")

    await store.blobs.delete("a/b")
    await store.blobs.delete("a/b")

    assert await store.keys() == ["a/c"]


HOSTILE = (
    *(
        "",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "/a",
        "a/",
        "a//b",
        "a\\b",
        "a\x00b",
        "A",
        "a b",
        "a#1",
        "ä",
        "a\n",
    ),
    *("%2e%2e/a", "a" * 901),
)


@pytest.mark.parametrize("key", HOSTILE, ids=ascii)
async def test_a_hostile_key_is_refused(store: Opened, key: str) -> None:
    blobs = store.blobs
    attempts = (
        store.put(key),
        store.get(key),
        blobs.stat(key),
        blobs.delete(key),
        blobs.sign(key, timedelta(seconds=1)),
        blobs.update(key, bytes.upper),
    )
    for attempt in attempts:
        with pytest.raises(ValueError, match="cannot be a blob's key"):
            await attempt
    if key not in ("", "a/"):
        with pytest.raises(ValueError, match="cannot be a blob's key"):
            await store.keys(key)
    assert await store.keys() == []


async def test_a_key_may_be_900_characters_long(store: Opened) -> None:
    key = "/".join(["a" * 179] * 5)

    await store.put(key)

    assert (len(key), await store.keys()) == (899, [key])


@pytest.fixture(params=["memory", "folder", "s3"])
def updatable(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Google's conditions are on generations, which no server here has."""
    return Opened(*new_store(request.param, tmp_path))


async def test_an_update_changes_what_is_there(updatable: Opened) -> None:
    await updatable.blobs.update("a", lambda content: content + b"one ")
    await updatable.blobs.update("a", lambda content: content + b"two")

    assert await updatable.get("a") == b"one two"


async def test_an_update_that_refuses_changes_nothing(updatable: Opened) -> None:
    await updatable.put("a", b"before")

    def refuse(content: bytes) -> bytes:
        raise RuntimeError(content.decode())

    with pytest.raises(RuntimeError, match="before"):
        await updatable.blobs.update("a", refuse)

    assert await updatable.get("a") == b"before"


@pytest.mark.parametrize("kind", ["memory", "s3"])
@pytest.mark.parametrize("before", [None, b"0"])
async def test_updates_at_once_lose_nothing(
    kind: Literal["memory", "s3"], before: bytes | None, tmp_path: Path
) -> None:
    store = Opened(*new_store(kind, tmp_path))
    if before is not None:
        await store.put("a", before)

    def adding(letter: bytes) -> Callable[[bytes], bytes]:
        return lambda content: content + letter

    await asyncio.gather(*(store.blobs.update("a", adding(letter)) for letter in (b"1", b"2", b"3", b"4")))

    assert sorted(await store.get("a")) == sorted((before or b"") + b"1234")
