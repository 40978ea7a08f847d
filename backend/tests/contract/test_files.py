"""What every store of files promises, on every store that there is."""

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from helium.adapters.files import BlobFiles, FileLimits, LocalFiles
from helium.adapters.memory.files import MemoryFiles
from helium.core.errors import ToolError
from helium.kit.clock import ManualClock
from helium.ports import FileStore
from tests.support.object_stores import new_store

WORKSPACE, OTHER_WORKSPACE = UUID(int=1), UUID(int=2)
THREAD, OTHER_THREAD = UUID(int=3), UUID(int=4)
LIMITS = FileLimits(bytes_per_file=20, files_per_thread=3)


class Opened(NamedTuple):
    """One thread's files."""

    store: FileStore
    thread: tuple[UUID, UUID] = (WORKSPACE, THREAD)

    async def put(self, path: str, content: bytes = b"x") -> None:
        await self.store.put(*self.thread, path, content)

    async def append(self, path: str, content: bytes = b"x") -> None:
        await self.store.append(*self.thread, path, content)

    async def get(self, path: str) -> bytes:
        return await self.store.get(*self.thread, path)

    async def sizes(self) -> list[tuple[str, int]]:
        return [(file.path, file.size) for file in await self.store.list(*self.thread)]


def memory(root: Path) -> FileStore:
    return MemoryFiles(ManualClock(), LIMITS)


def local(root: Path) -> FileStore:
    return LocalFiles(root / "made" / "by-the-store", LIMITS)


def blobs(root: Path) -> FileStore:
    return BlobFiles(new_store("memory", root)[0], LIMITS)


def blobs_in_a_folder(root: Path) -> FileStore:
    return BlobFiles(new_store("folder", root)[0], LIMITS)


def blobs_on_s3(root: Path) -> FileStore:
    return BlobFiles(new_store("s3", root)[0], LIMITS)


@pytest.fixture(params=[memory, local, blobs, blobs_in_a_folder, blobs_on_s3])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    make: Callable[[Path], FileStore] = request.param
    return Opened(make(tmp_path))


async def test_a_file_is_read_as_it_was_put(files: Opened) -> None:
    await files.put("reports/july.md", b"\x00\xffhello")

    assert await files.get("reports/july.md") == b"\x00\xffhello"
    assert await files.sizes() == [("reports/july.md", 7)]


async def test_putting_again_replaces(files: Opened) -> None:
    await files.put("a.txt", b"a long content")
    await files.put("a.txt", b"")

    assert await files.get("a.txt") == b""
    assert await files.sizes() == [("a.txt", 0)]


async def test_appending_makes_the_file_and_adds_to_it(files: Opened) -> None:
    await files.append("log", b"one ")
    await files.append("log", b"two")

    assert await files.get("log") == b"one two"


async def test_files_are_listed_by_path(files: Opened) -> None:
    for path in ("b", "a/c", "a.txt"):
        await files.put(path)

    assert await files.sizes() == [("a.txt", 1), ("a/c", 1), ("b", 1)]
    assert all(file.modified_at > 0 for file in await files.store.list(*files.thread))


async def test_an_unknown_thread_has_no_files(files: Opened) -> None:
    assert await files.sizes() == []
    with pytest.raises(ToolError, match="There is no file 'a'"):
        await files.get("a")


@pytest.mark.parametrize("other", [(WORKSPACE, OTHER_THREAD), (OTHER_WORKSPACE, THREAD)])
async def test_another_thread_sees_nothing(files: Opened, other: tuple[UUID, UUID]) -> None:
    await files.put("a", b"mine")
    stranger = Opened(files.store, other)
    await stranger.put("a", b"theirs")

    assert await files.get("a") == b"mine"
    assert await stranger.sizes() == [("a", 6)]


@pytest.mark.parametrize("spelling", ["./a//b.txt", "a/./b.txt", "a/b.txt"])
async def test_a_path_has_one_normal_form(files: Opened, spelling: str) -> None:
    await files.put(spelling, b"here")

    assert await files.sizes() == [("a/b.txt", 4)]
    assert await files.get("a/b.txt") == b"here"


async def test_letters_are_one_however_they_are_composed(files: Opened) -> None:
    await files.put("cafe\u0301", b"coffee")

    assert await files.get("caf\u00e9") == b"coffee"


BAD_PATHS = {
    "": "does not end in a file's name",
    ".": "does not end in a file's name",
    "folder/": "does not end in a file's name",
    "/etc/passwd": "must be relative",
    "../a": "must not climb",
    "a/../../b": "must not climb",
    "a\x00b": "control character",
    "a\nb": "control character",
    "a\\b": "backslash",
    "a\ud800": "control character",
    "/".join(["a" * 20] * 10): "more than 200 characters",
    "ü" * 150: "one of its names is too long",
    ".helium-0": "not free",
}


@pytest.mark.parametrize(("path", "reason"), BAD_PATHS.items(), ids=map(ascii, BAD_PATHS))
async def test_a_bad_path_is_refused_with_its_reason(files: Opened, path: str, reason: str) -> None:
    for attempt in (files.put(path), files.append(path), files.get(path)):
        with pytest.raises(ToolError, match=reason):
            await attempt
    assert await files.sizes() == []


async def test_a_path_may_be_200_characters_long(files: Opened) -> None:
    path = "/".join(["a" * 99, "b" * 100])

    await files.put(path)

    assert await files.sizes() == [(path, 1)]


async def test_a_file_has_a_largest_size(files: Opened) -> None:
    await files.put("full", b"x" * 20)
    with pytest.raises(ToolError, match="at most 20 bytes; this would be 21"):
        await files.put("more", b"x" * 21)
    with pytest.raises(ToolError, match="at most 20 bytes; this would be 21"):
        await files.append("full", b"x")

    assert await files.sizes() == [("full", 20)]


async def test_a_thread_has_a_largest_number_of_files(files: Opened) -> None:
    for path in ("a", "b/b", "c"):
        await files.put(path)
    for attempt in (files.put("d"), files.append("d")):
        with pytest.raises(ToolError, match="There are 3 files already"):
            await attempt
    await files.put("a", b"again")
    await files.append("b/b", b"x")

    assert await files.sizes() == [("a", 5), ("b/b", 2), ("c", 1)]


async def test_a_file_is_no_folder_and_a_folder_no_file(files: Opened) -> None:
    await files.put("a/b")
    for attempt in (files.put("a"), files.append("a"), files.put("a/b/c"), files.append("a/b/c")):
        with pytest.raises(ToolError, match="is in the way"):
            await attempt
    for path in ("a", "a/b/c"):
        with pytest.raises(ToolError, match="There is no file"):
            await files.get(path)

    assert await files.sizes() == [("a/b", 1)]


# What only blobs can get wrong.


async def test_appends_at_once_lose_nothing(tmp_path: Path) -> None:
    files = Opened(BlobFiles(new_store("s3", tmp_path)[0], LIMITS))
    await files.put("log", b"0")

    await asyncio.gather(*(files.append("log", letter) for letter in (b"1", b"2", b"3")))

    assert sorted(await files.get("log")) == sorted(b"0123")


async def test_the_key_of_a_file_holds_no_word_of_its_path(tmp_path: Path) -> None:
    store, _ = new_store("memory", tmp_path)
    files = Opened(BlobFiles(store, LIMITS))
    long = "/".join(["\u65e5" * 60, "Caf\u00e9 \U0001f600", "b" * 80])

    await files.put(long)
    await files.put("a" * 75)
    await files.put("a" * 75 + "b")

    keys = [blob.key async for blob in store.list(f"threads/{WORKSPACE.hex}/{THREAD.hex}")]
    assert len(keys) == 3
    assert all(len(part) <= 121 for key in keys for part in key.split("/"))
    assert await files.sizes() == [("a" * 75, 1), ("a" * 75 + "b", 1), (long, 1)]


async def test_a_path_of_many_bytes_is_refused(tmp_path: Path) -> None:
    files = Opened(BlobFiles(new_store("memory", tmp_path)[0], LIMITS))

    with pytest.raises(ToolError, match="it has more than 480 bytes"):
        await files.put("/".join(["\u65e5" * 60] * 3))


async def test_a_strange_blob_in_a_threads_folder_is_no_file(tmp_path: Path) -> None:
    store, _ = new_store("memory", tmp_path)
    files = Opened(BlobFiles(store, LIMITS))
    await store.update(f"threads/{WORKSPACE.hex}/{THREAD.hex}/0189", bytes.upper)

    assert await files.sizes() == []


# What only a disk can get wrong.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The thread's own folder of a local store, with one file in it."""
    thread = tmp_path / WORKSPACE.hex / THREAD.hex
    thread.mkdir(parents=True)
    (thread / "a").write_bytes(b"a")
    return thread


async def test_a_symbolic_link_leads_nowhere(tmp_path: Path, folder: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(outside)
    (folder / "file").symlink_to(outside / "secret")
    files = Opened(LocalFiles(tmp_path, LIMITS))

    for path in ("link/secret", "file"):
        with pytest.raises(ToolError, match="There is no file"):
            await files.get(path)
    linked = (files.put("link/new"), files.append("link/secret"), files.append("file"), files.put("file"))
    for attempt in linked:
        with pytest.raises(ToolError, match="is in the way"):
            await attempt

    assert await files.sizes() == [("a", 1)]
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"secret": b"secret"}


async def test_a_pipe_is_not_waited_for(tmp_path: Path, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    files = Opened(LocalFiles(tmp_path, LIMITS))

    with pytest.raises(ToolError, match="There is no file"):
        await files.get("pipe")
    with pytest.raises(ToolError, match="is in the way"):
        await files.append("pipe")


async def test_only_the_owner_may_read(tmp_path: Path) -> None:
    await LocalFiles(tmp_path / "root").put(WORKSPACE, THREAD, "folder/file", b"x")

    made = (tmp_path / "root").rglob("*")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert modes == {WORKSPACE.hex: 0o700, THREAD.hex: 0o700, "folder": 0o700, "file": 0o600}


async def test_a_half_written_file_is_never_seen(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Opened(LocalFiles(tmp_path, LIMITS))

    def full_disk(file: int, content: memoryview) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_disk)
        with pytest.raises(OSError, match="No space left"):
            await files.put("a", b"new")
    (folder / ".helium-left-by-a-crash").write_bytes(b"half")

    assert await files.get("a") == b"a"
    assert await files.sizes() == [("a", 1)]
    assert sorted(os.listdir(folder)) == [".helium-left-by-a-crash", "a"]


async def test_content_folder_and_folders_above_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def record(file: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{file}")).name)
        fsync(file)

    monkeypatch.setattr(os, "fsync", record)
    await LocalFiles(tmp_path).append(WORKSPACE, THREAD, "folder/file", b"x")
    above = [tmp_path.name, WORKSPACE.hex, THREAD.hex]
    assert synced == [*above, "file", "folder"]

    synced.clear()
    await LocalFiles(tmp_path).append(WORKSPACE, THREAD, "folder/file", b"x")
    assert synced == ["file"]

    synced.clear()
    await LocalFiles(tmp_path).put(WORKSPACE, THREAD, "folder/file", b"x")
    assert [name.startswith(".helium-") for name in synced] == [True, False]
    assert synced[1] == "folder"
