"""Secrets of this machine: other variables of the environment, and a folder with a file for each."""

import asyncio
import errno
import stat
from collections.abc import Mapping
from pathlib import Path

from helium.adapters.secrets.reference import Reference
from helium.adapters.secrets.source import Away, NotThere, text_of
from helium.ports import Secret

MAX_BYTES = 1 << 20
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})


class EnvironmentSource:
    """Another variable."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def read(self, reference: Reference) -> Secret:
        if value := self._environ.get(reference.name):
            return Secret(value, "environment")
        raise NotThere

    async def aclose(self) -> None: ...


class FolderSource:
    """A folder, such as Kubernetes and Docker mount.

    A file is found by its path at each read: Kubernetes brings a new version by turning a symbolic link
    above it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, reference: Reference) -> Secret:
        return Secret(await asyncio.to_thread(self._read, reference.name), "file")

    async def open_to_all(self, reference: Reference) -> bool:
        """Whether every account of this machine may read the file."""
        return await asyncio.to_thread(self._open_to_all, reference.name)

    async def aclose(self) -> None: ...

    def _read(self, name: str) -> str:
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            if error.errno in _NO_FILE and self._folder.is_dir():
                raise NotThere from None
            raise Away(type(error).__name__) from None
        if len(data) > MAX_BYTES:
            raise Away("the file is larger than 1 MiB")
        text = text_of(data).removesuffix("\n").removesuffix("\r")
        if not text:
            raise NotThere
        return text

    def _open_to_all(self, name: str) -> bool:
        try:
            return bool((self._folder / name).stat().st_mode & stat.S_IROTH)
        except OSError:
            return False
