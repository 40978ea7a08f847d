"""The three servers of a benchmark: the fake model, the bare proxy, Helium."""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import processes
from bench.wire import Dialect

READY_SECONDS = 90
BACKEND = Path(__file__).parent.parent


class NotReady(Exception):
    """A server did not come up; the end of its log says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server under load."""

    name: str
    pid: int
    port: int
    dialect: Dialect = "chat"
    model_prefix: str = ""
    token: str = ""
    home: Path | None = None
    ready_seconds: float = 0.0
    beside: tuple[int, ...] = ()
    """Processes that belong to it and descend from another one: a worker, a Redis."""

    def database(self) -> set[int]:
        """The processes of its own PostgreSQL."""
        roots = processes.postmasters(self.home) if self.home else set[int]()
        return {pid for root in roots for pid in processes.tree(root)}

    def own(self) -> set[int]:
        """Its processes without those of the database."""
        roots = (self.pid, *self.beside)
        return {pid for root in roots for pid in processes.tree(root)} - self.database()

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def started(
    command: Sequence[str], log: Path, *, port: int, health: str, env: Mapping[str, str] | None = None
) -> Generator[tuple[int, float]]:
    """A process that answers on `port`: its id, and the seconds it took to get ready."""
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=BACKEND, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        while not _answers(f"http://127.0.0.1:{port}{health}"):
            late = time.monotonic() - began > READY_SECONDS
            if late or process.poll() is not None:
                tail = log.read_text(errors="replace")[-2000:]
                raise NotReady(f"{shlex.join(command)} is not ready:\n{tail}")
            time.sleep(0.05)
        yield process.pid, time.monotonic() - began
    finally:
        processes.end(process.pid)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


@contextlib.contextmanager
def fake_model(folder: Path) -> Generator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "bench.fake_model", "--port", str(port)]
    with started(command, folder / "fake.log", port=port, health="/health") as (pid, _):
        yield Server(name="fake", pid=pid, port=port)


@contextlib.contextmanager
def bare(folder: Path, fake: Server) -> Generator[Server]:
    port = free_port()
    upstream = f"http://127.0.0.1:{fake.port}/v1/chat/completions"
    command = [sys.executable, "-m", "bench.bare", "--port", str(port), "--upstream", upstream]
    with started(command, folder / "bare.log", port=port, health="/health") as (pid, ready):
        yield Server(name="bare", pid=pid, port=port, ready_seconds=ready)


@contextlib.contextmanager
def helium(
    folder: Path, fake: Server, command: str, extra: Mapping[str, str], name: str = "helium"
) -> Generator[Server]:
    """Helium as a newcomer starts it: an empty home, the embedded database, one provider."""
    home, port = empty_home(folder / name), free_port()
    env = environment(home, port, fake, extra)
    try:
        words = shlex.split(command)
        with started(words, folder / f"{name}.log", port=port, health="/api/ready", env=env) as up:
            yield Server(
                name=name,
                pid=up[0],
                port=port,
                dialect="responses",
                model_prefix="openai-chat:",
                token=token(words, env),
                home=home,
                ready_seconds=up[1],
            )
    finally:
        for pid in processes.postmasters(home):
            processes.end(pid)


def empty_home(home: Path) -> Path:
    """A data directory that PostgreSQL's own account can enter."""
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    return home


def environment(home: Path, port: int, fake: Server, extra: Mapping[str, str]) -> dict[str, str]:
    """What Helium is told: its home, its port, and the fake model as its only provider."""
    return {
        **os.environ,
        "HELIUM_HOME": str(home),
        "HELIUM_PORT": str(port),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{fake.port}/v1",
        "OPENAI_API_KEY": "anything",
        **extra,
    }


def token(up: Sequence[str], env: Mapping[str, str]) -> str:
    """What `helium token` prints, by the same program that `helium up` was started with."""
    command = [*up[: up.index("up")], "token"]
    shown = subprocess.run(command, cwd=BACKEND, env=env, capture_output=True, text=True, timeout=60)
    if shown.returncode != 0:
        raise NotReady(f"`{shlex.join(command)}` failed:\n{shown.stderr[-2000:]}")
    return shown.stdout.split()[-1]


@contextlib.contextmanager
def scratch() -> Generator[Path]:
    """A folder that every user of the machine can read: PostgreSQL does not run as root."""
    with tempfile.TemporaryDirectory(prefix="helium-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def lateness(fake: Server) -> int:
    """How late the fake model's writes were since the last call: p95 in ms."""
    return msgspec.json.decode(fake.get("/stats"))["late_p95_ms"]
