"""What obstore leaves to do in a folder: sync to the disk, and remove what a killed process left."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_UNFINISHED = re.compile(r".*#\d+")
"""obstore's name for a file that is still being written; a key holds no `#`."""


class LocalFolder:
    """The folder of a store, which is made if it is not there, for its owner only. Every method blocks."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root

    def sync(self, key: str) -> None:
        """Make a file and its way down survive a power cut."""
        path = self._root / key
        while path != self._root:
            _sync(path)
            path = path.parent
        _sync(self._root)

    def remove_unfinished(self, before: float) -> int:
        """Remove files that were last written to before then, and never finished; how many."""
        removed = 0
        for path in self._unfinished():
            try:
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue
        return removed

    def _unfinished(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self._root):
            for name in names:
                if _UNFINISHED.fullmatch(name):
                    yield Path(folder, name)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
