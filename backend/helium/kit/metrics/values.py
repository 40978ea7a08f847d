"""Numbers that outlive their process: in memory that another process may share.

A process that is killed leaves its counts behind, to the last one. So whoever started it can go on
showing them, and a counter of a host neither vanishes nor goes back. The memory describes itself, for
a reader of another release: a directory of series, and their cells.
"""

import json
import mmap
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HEAD_BYTES = 16
_DIRECTORY_BYTES = 1024 * 1024
# Only what is used takes memory; `tests/metrics/test_bounds.py` compares with the most that can be.
CELLS = 256 * 1024
SIZE = _HEAD_BYTES + _DIRECTORY_BYTES + CELLS * 8


class Full(Exception):
    """There is no room for another series: a label has more values than were reckoned with."""


class Series(NamedTuple):
    """One series as it was read: an instrument's name, its labels' values, its cells."""

    name: str
    labels: tuple[str, ...]
    cells: Sequence[float]


class Values:
    """The cells of one process. One process writes, any may read.

    A cell is eight bytes, written at once. A series shows in the directory only when it is whole.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        view = memoryview(memory)
        self.cells = view[_HEAD_BYTES + _DIRECTORY_BYTES : SIZE].cast("d")
        self._directory = view[_HEAD_BYTES : _HEAD_BYTES + _DIRECTORY_BYTES]
        self._head = view[:_HEAD_BYTES].cast("Q")  # bytes of directory, cells given away
        self._lock = threading.Lock()

    @classmethod
    def private(cls) -> "Values":
        """Of this process alone; not even a fork shares them."""
        return cls(mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))

    @classmethod
    def of_file(cls, fd: int) -> "Values":
        """Those behind a file that `shared_file` made; the descriptor may be closed afterwards."""
        return cls(mmap.mmap(fd, SIZE))

    def add(self, name: str, labels: Sequence[str], size: int) -> int:
        """Room for one more series of `size` cells, which are 0: the place of its first. Raises `Full`."""
        with self._lock:
            used, first = self._head[0], self._head[1]
            entry = json.dumps([name, list(labels), first, size]).encode() + b"\n"
            if used + len(entry) > _DIRECTORY_BYTES or first + size > CELLS:
                raise Full(name)
            self._directory[used : used + len(entry)] = entry
            self._head[1] = first + size
            self._head[0] = used + len(entry)
            return first

    def series(self) -> Iterator[Series]:
        """All series as they stand now."""
        for line in bytes(self._directory[: self._head[0]]).splitlines():
            name, labels, first, size = json.loads(line)
            yield Series(name, tuple(labels), self.cells[first : first + size].tolist())


def shared_file() -> int:
    """The descriptor of a new file for `Values.of_file`, in memory where the system can do that. It
    has no name and ends with its last holder."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("helium-metrics")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, SIZE)
    return fd
