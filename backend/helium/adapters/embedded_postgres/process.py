"""The server that runs on a data directory, as far as the directory and the system tell."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunningServer:
    pid: int
    socket_directory: Path


def find_running(data: Path) -> RunningServer | None:
    """The server that runs on `data`, or None. A file left behind by a crash deceives nobody."""
    lines = _lines(data / "postmaster.pid")
    try:
        server = RunningServer(pid=int(lines[0]), socket_directory=Path(lines[4]))
    except (ValueError, IndexError):
        return None
    return server if _serves(server.pid, data) else None


def disown_crashed(data: Path) -> None:
    """Let a new server start on `data` after a crash whose process numbers others have by now.

    PostgreSQL sees for itself that nobody has the number in a lock file, but not that somebody else
    has it: the rule in a container that starts again, and with dead processes that nobody collects.
    The data directory's file is not deleted: it also names the crashed server's shared memory, by
    which PostgreSQL sees that an orphan of it still works. It takes our number instead, which
    PostgreSQL disregards as that of whoever started it.
    """
    lines = _lines(data / "postmaster.pid")
    if len(lines) > 4 and lines[0].isdigit() and not _serves(int(lines[0]), data):
        _overwrite(data / "postmaster.pid", "\n".join([str(os.getpid()), *lines[1:], ""]))
        _remove_socket_lock(Path(lines[4]), lines[0])


def _remove_socket_lock(directory: Path, pid: str) -> None:
    for lock in directory.glob(".s.PGSQL.*.lock"):
        if _lines(lock)[:1] == [pid]:
            lock.unlink(missing_ok=True)


def _overwrite(path: Path, text: str) -> None:
    # O_NOFOLLOW: as root we write into a directory that another account controls.
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is a PostgreSQL on `data`."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cwd").samefile(data)
        except OSError:
            return False
    shown = subprocess.run(  # noqa: S603 - a fixed program and a number
        ["/bin/ps", "-p", str(pid), "-o", "command="],
        check=False,
        capture_output=True,
        text=True,
    )
    return "postgres" in shown.stdout and str(data) in shown.stdout
