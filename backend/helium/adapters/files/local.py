"""Files in a folder: root/<workspace>/<thread>/path.

Every step down a path is taken from the open folder above it and refuses symbolic links, so no name
and no link, whenever it was made, leads out of the thread's own folder.
"""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from helium.adapters.files.rules import TEMPORARY, FileLimits, in_the_way, no_file, parts_of
from helium.ports import StoredFile

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LocalFiles:
    """A `FileStore` on a local disk. What `put` and `append` returned from survives a power cut.

    The root is made, with what is above it, if it is not there.
    """

    def __init__(self, root: Path, limits: FileLimits = FileLimits()) -> None:  # noqa: B008 - frozen
        self._root = root
        self._limits = limits

    async def put(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        await asyncio.to_thread(self._put, (workspace_id.hex, thread_id.hex), path, content)

    async def append(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        await asyncio.to_thread(self._append, (workspace_id.hex, thread_id.hex), path, content)

    async def get(self, workspace_id: UUID, thread_id: UUID, path: str) -> bytes:
        return await asyncio.to_thread(self._get, (workspace_id.hex, thread_id.hex), path)

    async def list(self, workspace_id: UUID, thread_id: UUID) -> Sequence[StoredFile]:
        return await asyncio.to_thread(self._list, (workspace_id.hex, thread_id.hex))

    def _put(self, thread: tuple[str, str], path: str, content: bytes) -> None:
        *folders, name = parts_of(path)
        self._limits.check_size(len(content))
        with self._writing(thread, folders, name, path) as folder:
            temporary = f"{TEMPORARY}{secrets.token_hex(8)}"
            try:
                _write(folder, temporary, os.O_CREAT | os.O_EXCL, content)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                _remove(folder, temporary)
                raise
            os.fsync(folder)

    def _append(self, thread: tuple[str, str], path: str, content: bytes) -> None:
        *folders, name = parts_of(path)
        with self._writing(thread, folders, name, path) as folder:
            before = _size(folder, name)
            self._limits.check_size((before or 0) + len(content))
            _write(folder, name, os.O_CREAT | os.O_APPEND, content)
            if before is None:
                os.fsync(folder)

    def _get(self, thread: tuple[str, str], path: str) -> bytes:
        *folders, name = parts_of(path)
        try:
            with self._open(thread, folders) as folder, _opened(folder, name, os.O_RDONLY) as file:
                if stat.S_ISREG(os.fstat(file).st_mode):
                    with os.fdopen(os.dup(file), "rb") as stream:
                        return stream.read()
        except OSError as error:
            if not _is_absence(error):
                raise
        raise no_file(path)

    def _list(self, thread: tuple[str, str]) -> Sequence[StoredFile]:
        try:
            with self._open(thread, ()) as folder:
                return sorted(_walk(folder, ""), key=lambda file: file.path)
        except FileNotFoundError:
            return ()

    @contextmanager
    def _writing(
        self, thread: tuple[str, str], folders: Sequence[str], name: str, path: str
    ) -> Generator[int]:
        """The folder for a new or changed file, made if it is not there. Room is checked first."""
        try:
            if not self._exists(thread, folders, name):
                self._limits.check_room(len(self._list(thread)))
            with self._open(thread, folders, make=True) as folder:
                yield folder
        except OSError as error:
            if not _is_in_the_way(error):
                raise
            raise in_the_way(path) from error

    def _exists(self, thread: tuple[str, str], folders: Sequence[str], name: str) -> bool:
        try:
            with self._open(thread, folders) as folder:
                return _size(folder, name) is not None
        except FileNotFoundError:
            return False

    @contextmanager
    def _open(self, thread: tuple[str, str], folders: Sequence[str], make: bool = False) -> Generator[int]:
        """The folder at the end of this way down, opened."""
        if make:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._root, _FOLDER & ~os.O_NOFOLLOW)
        try:
            for name in (*thread, *folders):
                if make:
                    _make(folder, name)
                below = os.open(name, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)


def _make(folder: int, name: str) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        return
    os.fsync(folder)


@contextmanager
def _opened(folder: int, name: str, flags: int) -> Generator[int]:
    file = os.open(name, flags | _FILE, 0o600, dir_fd=folder)
    try:
        yield file
    finally:
        os.close(file)


def _write(folder: int, name: str, flags: int, content: bytes) -> None:
    with _opened(folder, name, os.O_WRONLY | flags) as file:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)


def _size(folder: int, name: str) -> int | None:
    """A file's size, None without one. Raises `FileExistsError` for a folder, a link or a device."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise FileExistsError(name)
    return found.st_size


def _remove(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return


def _walk(folder: int, prefix: str) -> Iterator[StoredFile]:
    """The regular files in and under an open folder; links are not followed and not listed."""
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if not entry.name.startswith(TEMPORARY)]
    for name in found:
        try:
            seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(seen.st_mode):
            yield StoredFile(path=prefix + name, size=seen.st_size, modified_at=seen.st_mtime)
        elif stat.S_ISDIR(seen.st_mode):
            with _opened(folder, name, _FOLDER) as below:
                yield from _walk(below, f"{prefix}{name}/")


def _is_absence(error: OSError) -> bool:
    """Nothing is there that could be read: no such name, a folder, a link, or a file as a folder."""
    return isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError) or _is_link(error)


def _is_in_the_way(error: OSError) -> bool:
    return isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError) or _is_link(error)


def _is_link(error: OSError) -> bool:
    return error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO)
