"""One load on one server, and what it cost."""

import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import msgspec

from bench import processes
from bench.levels import Level
from bench.load import Order, Played
from bench.servers import BACKEND, Server, lateness
from bench.stats import Spread, spread

SETTLE_SECONDS = 0.3


class Figures(msgspec.Struct, kw_only=True):
    """One measurement. CPU is counted until shortly after the last answer: what a run causes then,
    it causes too."""

    server: str
    level: str
    runs: int
    tokens: int
    """in all runs"""
    errors: dict[str, int]
    seconds: float
    accept_ms: Spread
    first_ms: Spread
    total_ms: Spread
    server_cpu_seconds: float
    database_cpu_seconds: float
    client_cpu_seconds: float
    fake_cpu_seconds: float
    bytes_received: int
    server_peak_mib: float
    database_peak_mib: float
    fake_late_p95_ms: int
    others_cores: float
    """How many cores were busy with something else on the machine meanwhile."""
    reconnects: int

    @property
    def runs_per_second(self) -> float:
        return self.runs / self.seconds

    @property
    def server_ms_per_run(self) -> float:
        return _share(self.server_cpu_seconds * 1e3, self.runs)

    @property
    def database_ms_per_run(self) -> float:
        return _share(self.database_cpu_seconds * 1e3, self.runs)

    @property
    def cpu_ms_per_run(self) -> float:
        """The whole product, database included."""
        return self.server_ms_per_run + self.database_ms_per_run

    @property
    def server_us_per_token(self) -> float:
        return _share(self.server_cpu_seconds * 1e6, self.tokens)

    @property
    def bytes_per_run(self) -> float:
        return _share(self.bytes_received, self.runs)


def _share(whole: float, parts: int) -> float:
    return whole / parts if parts else float("nan")


def play(server: Server, level: Level, timeout_seconds: float) -> Played:
    """The load, in a process of its own."""
    order = Order(
        port=server.port,
        dialect=server.dialect,
        model=server.model_prefix + level.model,
        tokens=level.tokens,
        users=level.users,
        rounds=level.rounds,
        timeout_seconds=timeout_seconds,
        token=server.token,
    )
    command = [sys.executable, "-m", "bench.load"]
    # A file and not a pipe: of a pipe's content all after the first 64 KiB was missing now and then.
    with tempfile.TemporaryFile() as said:
        subprocess.run(
            command,
            cwd=BACKEND,
            input=msgspec.json.encode(order),
            stdout=said,
            check=True,
            timeout=timeout_seconds + 60,
        )
        said.seek(0)
        return msgspec.json.decode(said.read(), type=Played)


def warm(server: Server, level: Level, timeout_seconds: float) -> None:
    """Every user once, with an answer that leaves all of them open at the same time: connections to
    the model and the like are there before the clock runs."""
    once = replace(level, rounds=1, tokens=2, first_ms=800, step_ms=10)
    play(server, once, timeout_seconds)
    time.sleep(SETTLE_SECONDS)


def measure(server: Server, fake: Server, level: Level, timeout_seconds: float) -> Figures:
    """Warm the server for the level, then play it."""
    warm(server, level, timeout_seconds)
    lateness(fake)
    processes.reset_peaks(server.own() | server.database())
    before, busy, began = _reading(server, fake), processes.machine_cpu(), time.monotonic()
    played = play(server, level, timeout_seconds)
    time.sleep(SETTLE_SECONDS)
    own, stored, spoken = map(processes.used, before, _reading(server, fake))
    others = processes.machine_cpu() - busy - own - stored - spoken
    return Figures(
        server=server.name,
        level=level.name,
        runs=played.runs,
        tokens=played.runs * level.tokens,
        errors=played.errors,
        seconds=played.seconds,
        accept_ms=spread(played.accept_ms),
        first_ms=spread(played.first_ms),
        total_ms=spread(played.total_ms),
        server_cpu_seconds=own,
        database_cpu_seconds=stored,
        client_cpu_seconds=played.client_cpu_seconds,
        fake_cpu_seconds=spoken,
        bytes_received=played.bytes_received,
        server_peak_mib=processes.peak_mib(server.own()),
        database_peak_mib=processes.peak_mib(server.database()),
        fake_late_p95_ms=lateness(fake),
        others_cores=round(max(others, 0.0) / (time.monotonic() - began), 2),
        reconnects=played.reconnects,
    )


def _reading(server: Server, fake: Server) -> list[processes.Cpu]:
    return [processes.cpu(pids) for pids in (server.own(), server.database(), {fake.pid})]


class Idle(msgspec.Struct):
    """What a server uses while nobody asks for anything, in ms of CPU per second."""

    server_ms_per_second: float
    database_ms_per_second: float


def measure_idle(server: Server, seconds: float = 3.0) -> Idle:
    own, base = processes.cpu(server.own()), processes.cpu(server.database())
    time.sleep(seconds)
    used = processes.used(own, processes.cpu(server.own()))
    stored = processes.used(base, processes.cpu(server.database()))
    return Idle(round(used * 1e3 / seconds, 2), round(stored * 1e3 / seconds, 2))
