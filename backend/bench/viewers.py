"""`python -m bench.viewers`: idle viewers of one `stream` process: memory, CPU, how soon they hear."""

import argparse
import asyncio
import contextlib
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import psutil

from bench import processes, servers
from bench.report import Machine, command_line, machine
from bench.split import redis
from bench.stats import Spread, spread

HELIUM = "../.venv/bin/python -m helium up --no-browser"
REPORTS = servers.BACKEND.parent / "docs" / "benchmarks"
AT_ONCE = 200
IDLE_SECONDS = 20.0
HEAR_SECONDS = 60.0


class Held(msgspec.Struct, kw_only=True):
    """One measurement: so many viewers on one process."""

    viewers: int
    runs: int
    open_seconds: float
    rss_before_mib: float
    rss_after_mib: float
    kib_per_viewer: float
    idle_cpu_ms_per_second: float
    database_idle_cpu_ms_per_second: float
    hear_ms: Spread
    """From the answer to the cancellation to the last byte of the viewer's stream."""
    heard: int


class Report(msgspec.Struct, kw_only=True):
    date: str
    command: str
    machine: Machine
    held: list[Held]


@dataclass
class Crowd:
    """Viewers, each a bare connection that reads what comes."""

    port: int
    token: str
    readers: list[asyncio.StreamReader] = field(default_factory=list[asyncio.StreamReader])
    writers: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])
    run_ids: list[str] = field(default_factory=list[str])

    async def come(self, run_ids: Sequence[str], viewers: int) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(run_id: str) -> None:
            async with gate:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                request = (
                    f"GET /v1/runs/{run_id}/events HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
                    f"Authorization: Bearer {self.token}\r\n\r\n"
                )
                writer.write(request.encode())
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 200 " not in head.splitlines()[0]:
                    raise servers.NotReady(head.decode(errors="replace"))
                await reader.readuntil(b"run.queued")
            self.readers.append(reader)
            self.writers.append(writer)
            self.run_ids.append(run_id)

        await asyncio.gather(*(one(run_ids[number % len(run_ids)]) for number in range(viewers)))

    async def hear(self) -> list[float]:
        """The moments at which the viewers' streams ended with their run's last event."""

        async def one(reader: asyncio.StreamReader) -> float:
            said = await reader.read()
            assert b"run.cancelled" in said
            return time.monotonic()

        async with asyncio.timeout(HEAR_SECONDS):
            return await asyncio.gather(*(one(reader) for reader in self.readers))

    def leave(self) -> None:
        for writer in self.writers:
            writer.close()


@dataclass(frozen=True)
class House:
    """An API that accepts runs, a stream process that shows them, and no worker: the runs stay quiet."""

    api: str
    stream_pid: int
    stream_port: int
    token: str
    home: Path

    def rss(self) -> float:
        return psutil.Process(self.stream_pid).memory_info().rss / 2**20

    def database(self) -> set[int]:
        return {pid for root in processes.postmasters(self.home) for pid in processes.tree(root)}


async def measure(house: House, viewers: int, runs: int) -> Held:
    async with httpx.AsyncClient(
        base_url=house.api, headers={"Authorization": f"Bearer {house.token}"}, timeout=60
    ) as http:
        run_ids = [(await http.post("/v1/runs", json={"input": "wait"})).json()["id"] for _ in range(runs)]
        crowd = Crowd(house.stream_port, house.token)
        before, began = house.rss(), time.monotonic()
        await crowd.come(run_ids, viewers)
        opened = time.monotonic() - began
        after, idle, stored = await _idle(house)
        hearing = asyncio.create_task(crowd.hear())
        answered: dict[str, float] = {}
        for run_id in run_ids:
            await http.post(f"/v1/runs/{run_id}/cancel")
            answered[run_id] = time.monotonic()
        heard = await hearing
        crowd.leave()
    delays = [
        max(moment - answered[run_id], 0.0) * 1e3
        for moment, run_id in zip(heard, crowd.run_ids, strict=True)
    ]
    return Held(
        viewers=viewers,
        runs=runs,
        open_seconds=round(opened, 2),
        rss_before_mib=round(before, 1),
        rss_after_mib=round(after, 1),
        kib_per_viewer=round((after - before) * 1024 / viewers, 1),
        idle_cpu_ms_per_second=round(idle, 1),
        database_idle_cpu_ms_per_second=round(stored, 1),
        hear_ms=spread(delays),
        heard=len(heard),
    )


async def _idle(house: House) -> tuple[float, float, float]:
    """After a while of silence: MiB, and ms of CPU per second of the process and of its database."""
    own, base = processes.cpu({house.stream_pid}), processes.cpu(house.database())
    await asyncio.to_thread(time.sleep, IDLE_SECONDS)
    used = processes.used(own, processes.cpu({house.stream_pid})) * 1e3 / IDLE_SECONDS
    stored = processes.used(base, processes.cpu(house.database())) * 1e3 / IDLE_SECONDS
    return house.rss(), used, stored


@contextlib.contextmanager
def opened(folder: Path, command: str):
    home, port, stream_port = servers.empty_home(folder / "home"), servers.free_port(), servers.free_port()
    up = shlex.split(command)
    base = up[: up.index("up")]
    with contextlib.ExitStack() as running:
        _, url = running.enter_context(redis(folder))
        env = {
            **servers.environment(home, port, servers.Server(name="none", pid=0, port=1), {}),
            "HELIUM_REDIS_URL": url,
        }
        try:
            running.enter_context(
                servers.started([*base, "api"], folder / "api.log", port=port, health="/api/ready", env=env)
            )
            token = servers.token(up, env)
            pid, _ = running.enter_context(
                servers.started(
                    [*base, "stream"],
                    folder / "stream.log",
                    port=stream_port,
                    health="/api/ready",
                    env={**env, "HELIUM_PORT": str(stream_port)},
                )
            )
            yield House(f"http://127.0.0.1:{port}", pid, stream_port, token, home)
        finally:
            running.close()
            for postmaster in processes.postmasters(home):
                processes.end(postmaster)


def page(report: Report) -> str:
    where = report.machine
    lines = [
        f"# Idle viewers {report.date}",
        "",
        f"`{report.command}`",
        "",
        f"{where.cores} cores ({where.cpu}), {where.memory_gib} GiB, Linux {where.kernel}, Python "
        f"{where.python}, PostgreSQL {where.postgres}, commit {where.commit}. One `stream` process, an API "
        "process, Redis; no worker, so nothing happens in the runs until they are cancelled.",
        "",
        "| viewers | runs | KiB per viewer | RSS MiB, before and after | opened in s | idle CPU ms/s | "
        "Postgres ms/s | heard the end | after ms, p50 / p95 / p99 |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for held in report.held:
        delays = held.hear_ms
        lines.append(
            f"| {held.viewers:,} | {held.runs:,} | **{held.kib_per_viewer:.1f}** | "
            f"{held.rss_before_mib:.0f}, {held.rss_after_mib:.0f} | {held.open_seconds:.1f} | "
            f"{held.idle_cpu_ms_per_second:.1f} | {held.database_idle_cpu_ms_per_second:.1f} | "
            f"{held.heard:,} | {delays.p50:.0f} / {delays.p95:.0f} / {delays.p99:.0f} |"
        )
    lines += [
        "",
        "First target: 5,000 viewers at 20 KiB or less each. KiB per viewer is the growth of the process's "
        "resident memory from before the first connection until 20 s after the last, divided by the "
        "viewers; the kernel's socket buffers are not in it. Then all runs are cancelled in turn.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.viewers", description=__doc__)
    parser.add_argument("--viewers", default="1000,5000", help="how many at once, several measurements")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--helium", default=HELIUM)
    parser.add_argument("--out", type=Path, default=REPORTS)
    given = parser.parse_args()
    processes.allow_many_files()
    held: list[Held] = []
    for viewers in map(int, given.viewers.split(",")):
        with servers.scratch() as folder, opened(folder, given.helium) as house:
            where = machine(house.database())
            held.append(asyncio.run(measure(house, viewers, given.runs)))
            print(msgspec.json.encode(held[-1]).decode(), file=sys.stderr)
    command = command_line("bench.viewers", sys.argv[1:])
    report = Report(date=time.strftime("%Y-%m-%d"), command=command.strip(), machine=where, held=held)
    stem = given.out / f"{report.date}-idle-viewers"
    stem.with_suffix(".json").write_bytes(
        msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    )
    stem.with_suffix(".md").write_text(page(report))


if __name__ == "__main__":
    main()
