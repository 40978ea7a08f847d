"""Real processes of `helium release`, forked from a warm interpreter."""

import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import BACKEND, Forge, Node, environment


class ReleaseForge(Forge):
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.release.forge"],
            cwd=BACKEND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._count = 0

    def release(self, folder: Path, env: Mapping[str, str], *arguments: str) -> Node:
        """A process of `helium release` with these arguments."""
        self._count += 1
        log = folder / f"release-{self._count}.log"
        log.touch()
        return self.start(["release", *arguments], environment(env), log)


@contextmanager
def release_forge() -> Generator[ReleaseForge]:
    made = ReleaseForge()
    try:
        yield made
    finally:
        made.close()


def lines(node: Node) -> list[dict[str, Any]]:
    """What it said with `--json`."""
    return [json.loads(line) for line in node.log.read_text().splitlines() if line.startswith("{")]
