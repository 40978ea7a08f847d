"""A Redis server of the tests' own, on loopback: killed, frozen and started again by its own number."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.processes import free_port
from tests.support.servers import require

REDIS = Path(os.environ.get("HELIUM_TEST_REDIS_SERVER", "/usr/bin/redis-server"))
SETPRIV = Path("/usr/bin/setpriv")
READY = b"Ready to accept connections"


class RedisServer:
    """One server, which keeps its port over restarts and nothing else."""

    def __init__(self, place: Path, extra: tuple[str, ...]) -> None:
        self.port = free_port()
        # So that a server does not outlive tests that were killed.
        outlives_nobody = (SETPRIV, "--pdeathsig", "KILL") if SETPRIV.exists() else ()
        self._command = [
            *outlives_nobody,
            *(REDIS, "--bind", "127.0.0.1", "--dir", place, "--save", "", "--appendonly", "no"),
            *(("--port", "0", "--tls-port") if "--tls-cert-file" in extra else ("--port",)),
            *(str(self.port), *extra),
        ]
        self._process = self._started()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def url_as(self, user: str, password: str) -> str:
        return f"redis://{user}:{password}@127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kill it if it lives, and start it on the same port. It is ready on return, and empty."""
        self.kill()
        self._process = self._started()

    def freeze(self) -> None:
        """It answers nothing any more; its connections stay open, and the kernel accepts new ones."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(timeout=20)

    def _started(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        # What it says after that goes nowhere, and it does not mind.
        with process.stdout as said:
            lines: list[bytes] = []
            for line in said:
                lines.append(line)
                if READY in line:
                    return process
        process.wait(timeout=20)
        raise AssertionError(f"Redis did not start:\n{b''.join(lines).decode(errors='replace')}")


@contextmanager
def redis_server(*extra: str) -> Generator[RedisServer]:
    """A running server with these arguments too. Where the program is missing: a skip, in CI a failure."""
    require(REDIS)
    place = Path(tempfile.mkdtemp(prefix="hel-redis-"))
    server = RedisServer(place, extra)
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(place)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """One server for all tests of a session that leave it alone; keep apart by `redis_prefix`."""
    with redis_server() as server:
        yield server.url


@pytest.fixture
def redis_prefix() -> str:
    """What the keys and channels of one test begin with."""
    return f"test-{uuid4().hex[:12]}"
