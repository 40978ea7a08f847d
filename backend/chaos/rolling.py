"""`python -m chaos.rolling`: replace all processes of `helium up --processes N` under load (R5).

A thousand streams are open and a prober sends two hundred requests a second, while SIGHUP makes the
supervisor replace its processes one by one. Nothing may fail, no event be missing or come twice.
"""

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import processes, servers
from bench.report import command_line, machine
from bench.servers import BACKEND, NotReady, free_port
from chaos import children
from chaos.audience import Audience, script
from chaos.children import Child, clock, end_all, environment, source_copy
from chaos.cores import measuring
from chaos.http1 import Http
from chaos.judge import keep_logs
from chaos.probes import Known, Sample
from chaos.probing import probing, read_samples
from chaos.rolling_report import Outcome, write
from chaos.stores import Postgres
from helium.adapters.embedded_postgres import EmbeddedPostgres
from helium.db.checker import check_invariants

FAILED = "select count(*) from run where status = 'failed'"
FINISH_SECONDS = 150.0


@dataclass
class Stage:
    """`helium up`, who watches it, and what was found."""

    child: Child
    port: int
    token: str
    connection: asyncpg.Connection
    home: Path
    postgres: Postgres
    audience: Audience

    @property
    def http(self) -> Http:
        return Http(self.port, self.token)

    def said(self, words: str) -> int:
        return self.child.log.read_text(errors="replace").count(words)

    async def restart(self) -> float:
        """SIGHUP, and wait until all processes are replaced; the seconds that it took."""
        before, began = self.said("supervisor.restarted"), clock.monotonic()
        self.child.send(signal.SIGHUP)
        async with asyncio.timeout(120):
            while self.said("supervisor.restarted") == before:
                await clock.sleep(0.05)
        return clock.monotonic() - began


@asynccontextmanager
async def stage(folder: Path, given: argparse.Namespace) -> AsyncGenerator[Stage]:
    home = servers.empty_home(folder / "home")
    port = free_port()
    own = {
        "HELIUM_HOME": str(home),
        "HELIUM_PORT": str(port),
        **script(folder, given.words, given.pace),
        "HELIUM_LOG_FORMAT": "json",
        **dict(pair.split("=", 1) for pair in given.env),
    }
    command = [sys.executable, "-m", "helium", "up", "--no-browser", "--processes", str(given.processes)]
    child = Child("up", command, environment(own), source_copy(folder), folder / "up.log")
    child.start()
    try:
        await until_running(child)
        connection = await asyncpg.connect(await asyncio.to_thread(EmbeddedPostgres(home).url))
        token = (home / "owner-token").read_text().strip()
        audience = Audience(token, lambda: port, random.Random(given.seed))
        yield Stage(child, port, token, connection, home, Postgres(home), audience)
        await connection.close()
    finally:
        await end_all([child])
        for pid in processes.postmasters(home):
            processes.end(pid)


async def until_running(child: Child) -> None:
    deadline = clock.monotonic() + 90
    while "Helium is running" not in child.log.read_text(errors="replace"):
        if clock.monotonic() > deadline or child.starts > 1:
            raise NotReady(f"helium up did not start:\n{child.log.read_text()[-3000:]}")
        await clock.sleep(0.1)


async def a_finished_run(here: Http) -> Known:
    """A run that has ended, for the prober to read."""
    answer = await here.ask("POST", "/v1/responses", {"model": "default", "input": "thanks"})
    assert answer.status == 200, answer
    run_id = (await here.ask("GET", "/v1/runs?limit=1")).json["data"][0]["id"]
    run = (await here.ask("GET", f"/v1/runs/{run_id}")).json
    return Known(run_id, "You are welcome.", run["last_seq"])


async def play(here: Stage, given: argparse.Namespace, folder: Path, console: Console) -> Outcome:
    known = await a_finished_run(here.http)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        step = progress.add_task("streams open", total=given.restarts + 2)
        await here.audience.start_runs(here.http, given.runs)
        await here.audience.open_streams(given.streams)
        mix = "run=9,threads=9,start=2"
        async with probing(
            folder, here.port, here.port, here.token, known, rate=given.rate, mix=mix
        ) as out:
            meter = measuring(lambda: {here.child.pid, here.postgres.pid} - {0})
            await clock.sleep(given.quiet)
            quiet_ended, quiet = time.monotonic(), meter.read()
            meter = measuring(lambda: {here.child.pid, here.postgres.pid} - {0})
            restarts: list[tuple[float, float]] = []
            for number in range(given.restarts):
                progress.update(step, advance=1, description=f"restart {number + 1}")
                began = time.monotonic()
                restarts.append((began, await here.restart()))
                await clock.sleep(5)
            busy = meter.read()
        progress.update(step, advance=1, description="runs finish")
        late = await here.audience.finish(FINISH_SECONDS)
    samples = read_samples(out)
    outcome = await judge(here, given, [s for s in samples if s.at >= quiet_ended], restarts, late)
    before = [sample for sample in samples if sample.at < quiet_ended]
    return msgspec.structs.replace(outcome, before=before, quiet=quiet, busy=busy)


async def judge(
    here: Stage,
    given: argparse.Namespace,
    samples: list[Sample],
    restarts: list[tuple[float, float]],
    late: int,
) -> Outcome:
    started = [sample.run_id for sample in samples if sample.run_id]
    stored = {row["id"].hex for row in await here.connection.fetch("select id from run")}
    watchers = here.audience.watchers
    resumed = [one for watcher in watchers for one in watcher.resumed]
    return Outcome(
        date=time.strftime("%Y-%m-%d"),
        command=command_line("chaos.rolling", sys.argv[1:]),
        machine=machine({pid for pid in processes.postmasters(here.home)}),
        load_average=given.load_before,
        processes=given.processes,
        runs=given.runs,
        streams=len(watchers),
        pace=given.pace,
        rate=given.rate,
        samples=samples,
        restarts=restarts,
        resumed=[(one.asked_seconds, one.seconds, one.farewell) for one in resumed],
        breaks=sum(watcher.breaks for watcher in watchers),
        resets=sum(watcher.resets for watcher in watchers),
        refused=sum(watcher.refused for watcher in watchers),
        events=sum(len(watcher.shown) for watcher in watchers),
        differing=await here.audience.differing(here.connection),
        unfinished=late,
        unstored=[run_id for run_id in started if run_id.removeprefix("run_") not in stored],
        failed_runs=int(await here.connection.fetchval(FAILED) or 0),
        violations=await check_invariants(here.connection),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos.rolling", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--words", type=int, default=120, help="that each run says")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds for a word")
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--quiet", type=float, default=15, help="seconds before the first restart")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where to put the log of `helium up`")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for Helium")
    parser.add_argument("--out", type=Path, default=BACKEND.parent / "docs" / "benchmarks")
    return parser.parse_args()


async def roll(given: argparse.Namespace, console: Console) -> Outcome:
    with servers.scratch() as folder:
        try:
            async with stage(folder, given) as here:
                return await play(here, given, folder, console)
        finally:
            if given.keep:
                with contextlib.suppress(OSError):
                    keep_logs(folder, given.keep)


def main() -> None:
    processes.allow_many_files()
    given, console = arguments(), Console(stderr=True)
    given.load_before = Path("/proc/loadavg").read_text().split()[:3]
    try:
        outcome = children.play(roll(given, console))
    except (NotReady, subprocess.SubprocessError) as problem:
        console.print(str(problem), markup=False)
        raise SystemExit(1) from problem
    page = write(outcome, given.out)
    console.print(page.read_text(), markup=False)
    raise SystemExit(0 if outcome.good else 1)


if __name__ == "__main__":
    main()
