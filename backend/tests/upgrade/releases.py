"""The release before this one: the code as it was before the newest migration came, out of the history."""

import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from helium.db.revisions import VERSIONS, Migrations
from tests.support.processes import BACKEND, Forge, Node

REPOSITORY = BACKEND.parent


class Release(Forge):
    """Starts processes of another copy of the code."""

    def __init__(self, backend: Path) -> None:
        self.backend = backend
        self.head = newest_in(backend)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Node:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "helium", *arguments],
                cwd=self.backend,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._processes.append(process)
        threading.Thread(target=self._note_end, args=(process, log), daemon=True).start()
        return Node(process.pid, log)

    def _note_end(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        partial = log.with_suffix(".exit.new")
        partial.write_text(str(process.wait()))
        partial.rename(log.with_suffix(".exit"))

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def newest_in(backend: Path) -> str:
    """The newest revision that this code knows."""
    return max(path.name[:4] for path in (backend / VERSIONS.relative_to(BACKEND)).glob("[0-9]*_*.py"))


def git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, timeout=60)


def the_release_before(folder: Path) -> Release:
    """Its code, unpacked into the folder. Skips the test where there is no history to take it from."""
    try:
        shallow = git("rev-parse", "--is-shallow-repository")
    except FileNotFoundError:
        pytest.skip("git is not installed, so there is no release before")
    if shallow.returncode != 0:
        pytest.skip("this is no clone, so there is no release before")
    if shallow.stdout.strip() == b"true":
        pytest.skip("this is a shallow clone: the release before is not in it")
    return Release(_unpacked(_commit(), folder))


def _commit() -> str:
    """The commit before the newest migration was added; the last one, if it was not committed yet."""
    number = Migrations().head
    newest = next(VERSIONS.glob(f"{number}_*.py")).relative_to(REPOSITORY)
    added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(newest)).stdout.decode().strip()
    return f"{added}^" if added else "HEAD"


def _unpacked(commit: str, folder: Path) -> Path:
    archive = folder / "backend.tar"
    packed = git("archive", "--output", str(archive), commit, "backend/helium")
    if packed.returncode != 0:
        reason = f"git cannot give {commit}: {packed.stderr.decode()[-300:]}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    return folder / "backend"
