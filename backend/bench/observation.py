"""Helium observed in every way, and Helium not observed at all: two servers to compare."""

import contextlib
import shlex
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

from bench import servers
from bench.servers import Server, free_port, started
from helium.bootstrap.observation import PRODUCTION_RATIO


@contextlib.contextmanager
def dark(folder: Path, fake: Server, command: str, extra: Mapping[str, str]) -> Generator[Server]:
    """Helium without metrics, logs and traces; the name in reports is `dark`."""
    up = shlex.split(command)
    words = [*up[: up.index("helium")], "bench.dark", *up[up.index("helium") + 1 :]]
    env = {"HELIUM_LOG_LEVEL": "error", **extra}
    with servers.helium(folder, fake, shlex.join(words), env, name="dark") as made:
        yield made


@contextlib.contextmanager
def observed(folder: Path, fake: Server, command: str, extra: Mapping[str, str]) -> Generator[Server]:
    """Helium with metrics, logs, traces that are sent, and reports of errors, as in production; in
    reports `observed`."""
    port = free_port()
    collector = [sys.executable, "-m", "bench.collector", "--port", str(port)]
    env = {
        "HELIUM_TRACES__ENDPOINT": f"http://127.0.0.1:{port}",
        "HELIUM_TRACES__RATIO": str(PRODUCTION_RATIO),
        "HELIUM_ERRORS__DSN": f"http://key@127.0.0.1:{port}/1",
        "HELIUM_METRICS__PORT": str(free_port()),
        **extra,
    }
    with (
        started(collector, folder / "collector.log", port=port, health="/"),
        servers.helium(folder, fake, command, env, name="observed") as made,
    ):
        yield made
