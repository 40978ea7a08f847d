"""`python -m chaos.migration`: rehearse the next release's migrations under load.

Two APIs, two stream processes, two workers, Redis and PostgreSQL serve requests and streams while six
migrations of all phases are run, and every process is replaced by one of the next release. Nothing may
fail.
"""

import argparse
import asyncio
import contextlib
import random
import re
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import processes, servers
from bench.report import command_line, machine
from bench.servers import BACKEND, NotReady
from chaos import children
from chaos.audience import Audience, script
from chaos.children import Child, clock, source_copy
from chaos.cores import measuring
from chaos.installation import Installation, Size, installation
from chaos.judge import keep_logs
from chaos.locks import STRONGEST, LockWatch
from chaos.migration_report import Outcome, Step, Window, put_into, summary, write
from chaos.mixed import a_finished_run, roots
from chaos.probes import Sample
from chaos.probing import probing, read_samples
from chaos.rehearsal import add_rehearsal, seed
from helium.db.checker import check_invariants
from helium.db.migrate import current
from helium.db.phases import Phase

DONE = re.compile(r"^(\d{4}) \((\w+)\): done in ([\d.]+) s(?:, (\d+) tries)?")
FAILED = "select count(*) from run where status = 'failed'"
UNFILLED = "select count(*) from run where priority is null"
DOCS = BACKEND.parent / "docs"
OUT, OPERATIONS = DOCS / "benchmarks", DOCS / "operations" / "migrations.md"
FINISH_SECONDS = 120.0
MIX = "run=9,threads=9,start=2"


@dataclass
class Stage:
    """The installation, the next release's code, and what was done so far."""

    here: Installation
    next: Path
    audience: Audience
    watch: LockWatch
    steps: list[Step] = field(default_factory=list[Step])
    windows: list[Window] = field(default_factory=list[Window])

    @asynccontextmanager
    async def window(self, name: str) -> AsyncGenerator[None]:
        began = time.monotonic()
        yield
        self.windows.append(Window(name=name, began=began, ended=time.monotonic()))

    async def migrate(self, phase: Phase) -> None:
        """Run the next release's `helium migrate`. Raises `NotReady`."""
        command = [sys.executable, "-m", "helium", "migrate", "--phase", phase]
        env = dict(self.here.children["api-1"].env)
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=self.next, env=env, capture_output=True, text=True, timeout=600
        )
        if done.returncode != 0:
            raise NotReady(f"`helium migrate --phase {phase}` failed:\n{done.stdout}{done.stderr[-2000:]}")
        self.steps += [
            Step(number=found[1], phase=found[2], seconds=float(found[3]), tries=int(found[4] or 1))
            for line in done.stdout.splitlines()
            if (found := DONE.match(line))
        ]

    async def expand(self, reader_seconds: float) -> None:
        """Expand, while an old transaction has read the table and is left open, as somebody's always is."""
        reader = await self.here.connect()
        async with reader.transaction():
            await reader.fetchval("select count(*) from run")
            expanding = asyncio.create_task(self.migrate("expand"))
            while not expanding.done() and ("run", STRONGEST) not in self.watch.longest:
                await clock.sleep(0.02)
            await clock.sleep(reader_seconds)
        await expanding
        await reader.close()

    async def replace(self, child: Child) -> None:
        await child.replace()
        await self.here.ready(child)

    async def roll_out(self) -> None:
        """Put the next release in the place of every process, one after the other."""
        for child in self.here.children.values():
            child.cwd = self.next
            await self.replace(child)


def next_code(folder: Path) -> Path:
    """Today's code with the rehearsal's migrations."""
    (folder / "next").mkdir()
    code = source_copy(folder / "next")
    add_rehearsal(code / "helium" / "db" / "migrations" / "versions")
    return code


async def rehearse(stage: Stage, given: argparse.Namespace, progress: Progress) -> None:
    """The whole order of a rollout, with a rest before and after."""
    step = progress.add_task("as every day", total=6)

    def now(what: str) -> None:
        progress.update(step, advance=1, description=what)

    async with stage.window("before"):
        await clock.sleep(given.quiet)
    now("expand")
    async with stage.window("expand"):
        await stage.expand(given.reader)
    now("backfill")
    async with stage.window("backfill"):
        await stage.migrate("backfill")
    now("today's processes start again on the new schema")
    async with stage.window("old processes started again"):
        for name in ("api-1", "worker-1"):
            await stage.replace(stage.here.children[name])
    now("the next release is rolled out")
    async with stage.window("rollout"):
        await stage.roll_out()
    now("enforce")
    async with stage.window("enforce"):
        await stage.migrate("enforce")
    async with stage.window("after"):
        await clock.sleep(given.quiet)


async def play(here: Installation, given: argparse.Namespace, code: Path, console: Console) -> Outcome:
    known, connection = await a_finished_run(here), await here.connect()
    await seed(connection, known.run_id, given.seeded)
    audience = Audience(here.token, lambda: here.stream_port, random.Random(given.seed))
    http, watch = here.http(), LockWatch(await here.connect())
    stage = Stage(here, code, audience, watch)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        await audience.start_runs(http, given.runs)
        await audience.open_streams(given.streams)
        place = (here.folder, here.port, here.stream_port, here.token, known)
        async with probing(*place, rate=given.rate, mix=given.mix) as out:
            meter = measuring(lambda: roots(here))
            watch.start()
            await rehearse(stage, given, progress)
            waits, busy = await watch.stop(), meter.read()
        late = await audience.finish(FINISH_SECONDS)
    outcome = await judge(stage, given, read_samples(out), late, connection)
    outcome.waits, outcome.looks, outcome.busy = waits, watch.looks, busy
    await asyncio.gather(connection.close(), watch.connection.close())
    return outcome


async def judge(
    stage: Stage,
    given: argparse.Namespace,
    samples: list[Sample],
    late: int,
    connection: asyncpg.Connection,
) -> Outcome:
    started = [sample.run_id for sample in samples if sample.run_id]
    stored = {row["id"].hex for row in await connection.fetch("select id from run")}
    watchers = stage.audience.watchers
    return Outcome(
        date=time.strftime("%Y-%m-%d"),
        command=command_line("chaos.migration", sys.argv[1:]),
        machine=machine(processes.postmasters(stage.here.home)),
        load_average=given.load_before,
        seeded=given.seeded,
        runs=given.runs,
        streams=len(watchers),
        pace=given.pace,
        rate=given.rate,
        reader=given.reader,
        samples=samples,
        steps=stage.steps,
        windows=stage.windows,
        events=sum(len(watcher.shown) for watcher in watchers),
        farewells=sum(watcher.farewells for watcher in watchers),
        breaks=sum(watcher.breaks for watcher in watchers),
        resumed=[one.seconds for watcher in watchers for one in watcher.resumed],
        differing=await stage.audience.differing(connection),
        unfinished=late,
        unstored=[run_id for run_id in started if run_id.removeprefix("run_") not in stored],
        started=len(started),
        failed_runs=int(await connection.fetchval(FAILED) or 0),
        unfilled=int(await connection.fetchval(UNFILLED) or 0),
        revision=await current(stage.here.postgres.url) or "",
        starts={name: child.starts for name, child in stage.here.children.items()},
        violations=await check_invariants(connection),
        errors=stage.here.logs(),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos.migration", description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--words", type=int, default=240, help="that each run says")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds for a word")
    parser.add_argument("--rate", type=float, default=80, help="requests a second")
    parser.add_argument("--mix", default=MIX, help="of requests; streams are watched by the viewers")
    parser.add_argument("--seeded", type=int, default=20_000, help="runs that were there before")
    parser.add_argument("--reader", type=float, default=2, help="seconds of an old transaction in the way")
    parser.add_argument("--quiet", type=float, default=25, help="seconds of rest before and after")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where to put the processes' logs")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for Helium")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


async def run_rehearsal(given: argparse.Namespace, console: Console) -> Outcome:
    with servers.scratch() as folder:
        extra = {**script(folder, given.words, given.pace), **dict(p.split("=", 1) for p in given.env)}
        try:
            async with installation(folder, Size(), extra) as here:
                return await play(here, given, next_code(folder), console)
        finally:
            if given.keep:
                with contextlib.suppress(OSError):
                    keep_logs(folder, given.keep)


def main() -> None:
    processes.allow_many_files()
    given, console = arguments(), Console(stderr=True)
    given.load_before = Path("/proc/loadavg").read_text().split()[:3]
    try:
        outcome = children.play(run_rehearsal(given, console))
    except (NotReady, subprocess.SubprocessError) as problem:
        console.print(str(problem), markup=False)
        raise SystemExit(1) from problem
    page = write(outcome, given.out)
    if given.out == OUT:
        put_into(OPERATIONS, summary(outcome, page.name))
    console.print(page.read_text(), markup=False)
    raise SystemExit(0 if outcome.good else 1)


if __name__ == "__main__":
    main()
