"""Real Helium processes for tests: started, watched, stopped and killed by their own number only."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from helium.kit.clock import SystemClock

BACKEND = Path(__file__).parents[2]
READY_SECONDS = 60.0
LOOK_SECONDS = 0.02
_clock = SystemClock()

FAST = {
    "HELIUM_WORKER__LEASE_TTL_SECONDS": "1",
    "HELIUM_WORKER__POLL_SECONDS": "0.1",
    "HELIUM_WORKER__SWEEP_SECONDS": "0.1",
    "HELIUM_STREAM__POLL_SECONDS": "0.05",
}
"""A short lease, so that a takeover takes a second or two."""


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, seconds: float = READY_SECONDS
) -> None:
    """Look again and again until it holds. Fails with `what` after the deadline."""
    deadline = _clock.monotonic() + seconds
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        if _clock.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        await _clock.sleep(LOOK_SECONDS)


async def hold(seconds: float) -> None:
    """Let time pass: for tests of what must not happen within it."""
    await _clock.sleep(seconds)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without Helium's settings and providers' keys, and `own`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HELIUM_") and not name.endswith(("_API_KEY", "_BASE_URL"))
    }
    return {**inherited, **own}


class Forge:
    """The warm interpreter that forks Helium processes; see `tests/support/forge.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forge"],
            cwd=BACKEND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> "Node":
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"arguments": arguments, "env": dict(env), "log": str(log)}) + "\n")
        stdin.flush()
        answer = stdout.readline()
        assert answer, "the forge has died: see its error above"
        return Node(int(answer), log)

    def close(self) -> None:
        self._process.communicate(timeout=20)


@contextmanager
def forge() -> Generator[Forge]:
    made = Forge()
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True, slots=True)
class Node:
    """One Helium process."""

    pid: int
    log: Path

    @property
    def exit_code(self) -> int | None:
        """None while it lives; the negative signal number if one ended it."""
        file = self.log.with_suffix(".exit")
        return int(file.read_text()) if file.exists() else None

    def send(self, number: signal.Signals) -> None:
        if self.exit_code is None:
            os.kill(self.pid, number)

    def said(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")

    async def gone(self, seconds: float = READY_SECONDS) -> int:
        """Wait for its end; the exit code."""
        await until(lambda: self.exit_code is not None, f"end of process {self.pid}", seconds)
        code = self.exit_code
        assert code is not None
        return code

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.gone()


@dataclass(frozen=True, slots=True)
class Api:
    """A process that answers HTTP."""

    node: Node
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ready(self) -> bool:
        if self.node.exit_code is not None:
            raise AssertionError(f"the API ended:\n{self.node.log.read_text()[-3000:]}")
        try:
            async with httpx.AsyncClient() as http:
                return (await http.get(f"{self.address}/api/ready", timeout=2)).status_code == 200
        except httpx.TransportError:
            return False


class Fleet:
    """Helium processes on one database and one home."""

    def __init__(self, forge: Forge, home: Path, url: str, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.nodes: list[Node] = []
        self._forge = forge
        own = {"HELIUM_HOME": str(home), "HELIUM_DATABASE_URL": url, "HELIUM_LOG_FORMAT": "json"}
        self._env = environment({**FAST, **own, **(env or {})})

    def start(self, *arguments: str, **env: str) -> Node:
        """A process with these arguments of `helium`, and these settings beside the fleet's own."""
        log = self.home / f"{arguments[0]}-{len(self.nodes)}.log"
        log.touch()
        node = self._forge.start(arguments, {**self._env, **env}, log)
        self.nodes.append(node)
        return node

    async def worker(self, **env: str) -> Node:
        """A worker that has started."""
        node = self.start("worker", **env)
        await until(
            lambda: node.said("worker.started") or node.exit_code is not None, f"start of {node.log}"
        )
        return node

    def api(self, role: str = "api", *more: str, **env: str) -> Api:
        """A process that will answer HTTP; `until(api.ready, …)` waits for it."""
        port = free_port()
        arguments = ("up", "--no-browser") if role == "up" else (role,)
        return Api(self.start(*arguments, *more, HELIUM_PORT=str(port), **env), port)

    def close(self) -> None:
        for node in self.nodes:
            node.send(signal.SIGKILL)
