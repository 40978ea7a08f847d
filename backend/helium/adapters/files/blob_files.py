"""A thread's files as blobs, so that workers on many machines share them.

A file's key is threads/<workspace>/<thread>/ and its path in base 32, in pieces that are short enough for
a file system: paths are people's and models' words, keys are not.
"""

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol
from uuid import UUID

from helium.adapters.files.rules import FileLimits, in_the_way, no_file, parts_of
from helium.core.errors import BlobNotFound, ToolError
from helium.ports import BlobStore, StoredFile

_PIECE = 120
_MAX_PATH_BYTES = 480  # in base 32, with the folders before it and the bucket's own, below 1,024


class UpdatableBlobs(BlobStore, Protocol):
    """A `BlobStore` that can replace a small blob without losing another's change."""

    async def update(self, key: str, change: Callable[[bytes], bytes]) -> None:
        """Replace the content by what `change` makes of it; it is empty if there is none."""
        ...


class BlobFiles:
    """A `FileStore` on blobs. What `put` and `append` returned from is durable.

    A thread has one active run, and so one writer at a time: the limits on the number of files, and on a
    file where a folder is, are looked up before a write and hold for one writer. `append` loses no other
    append even so, on every store but a folder; a folder's threads should be kept by `LocalFiles`.
    """

    def __init__(self, blobs: UpdatableBlobs, limits: FileLimits = FileLimits()) -> None:  # noqa: B008 - frozen
        self._blobs = blobs
        self._limits = limits

    async def put(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        key = _key(workspace_id, thread_id, path)
        self._limits.check_size(len(content))
        await self._check_place(workspace_id, thread_id, path)
        await self._blobs.put(key, _one(content))

    async def append(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        key = _key(workspace_id, thread_id, path)
        await self._check_place(workspace_id, thread_id, path)

        def add(before: bytes) -> bytes:
            self._limits.check_size(len(before) + len(content))
            return before + content

        await self._blobs.update(key, add)

    async def get(self, workspace_id: UUID, thread_id: UUID, path: str) -> bytes:
        try:
            chunks = self._blobs.get(_key(workspace_id, thread_id, path))
            return b"".join([chunk async for chunk in chunks])
        except BlobNotFound:
            raise no_file(path) from None

    async def list(self, workspace_id: UUID, thread_id: UUID) -> Sequence[StoredFile]:
        folder = _folder(workspace_id, thread_id)
        found: list[StoredFile] = []
        async for blob in self._blobs.list(folder):
            path = _path(blob.key.removeprefix(f"{folder}/"))
            if path is not None:
                found.append(StoredFile(path=path, size=blob.size, modified_at=blob.modified_at))
        return sorted(found, key=lambda file: file.path)

    async def _check_place(self, workspace_id: UUID, thread_id: UUID, path: str) -> None:
        """Raises `ToolError` if no file may be here."""
        name = "/".join(parts_of(path))
        others = [file.path for file in await self.list(workspace_id, thread_id)]
        if any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in others):
            raise in_the_way(path)
        if name not in others:
            self._limits.check_room(len(others))


def _folder(workspace_id: UUID, thread_id: UUID) -> str:
    return f"threads/{workspace_id.hex}/{thread_id.hex}"


def _key(workspace_id: UUID, thread_id: UUID, path: str) -> str:
    """The key of a file. Raises `ToolError` for a path that may not be used."""
    name = "/".join(parts_of(path)).encode()
    if len(name) > _MAX_PATH_BYTES:
        raise ToolError(
            f"{path[:80]!r}… cannot be a file's path: it has more than {_MAX_PATH_BYTES} bytes."
        )
    letters = base64.b32encode(name).decode().rstrip("=").lower()
    pieces = [letters[start : start + _PIECE] for start in range(0, len(letters), _PIECE)]
    # The mark keeps the folder of a long path apart from the file of a path that it begins with.
    return f"{_folder(workspace_id, thread_id)}/{'_/'.join(pieces)}"


def _path(rest: str) -> str | None:
    """The path that a key stands for, None if it is not one of ours."""
    letters = rest.replace("_/", "").upper()
    try:
        return base64.b32decode(letters + "=" * (-len(letters) % 8)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
