"""The mixed scenario: load, probes and a schedule of faults, then the reckoning."""

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import processes, servers
from bench.report import Machine, machine
from chaos.acts import Done, carry_out
from chaos.children import clock
from chaos.cores import Busy, measuring
from chaos.faults import SHORTEST_PAUSE, Fault, Sort, schedule
from chaos.installation import Installation, Size, installation, patient
from chaos.judge import Found, at_rest, judge, keep_logs
from chaos.load import Crowd
from chaos.probes import Known, Sample, said
from chaos.probing import probing, read_samples


@dataclass
class Played:
    """What was done, and what came of it."""

    began: float
    """Monotonic."""
    seconds: float = 0.0
    done: list[Done] = field(default_factory=list[Done])
    samples: list[Sample] = field(default_factory=list[Sample])
    delays: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    shapes: dict[str, int] = field(default_factory=dict[str, int])
    rest_seconds: float = 0.0
    found: Found | None = None
    errors: str = ""
    busy: Busy | None = None
    machine: Machine | None = None


async def a_finished_run(here: Installation) -> Known:
    """A run that has ended, for the prober to read."""
    http = here.http()
    run = await patient(http, "POST", "/v1/runs", {"input": "count from 1 to 30"})
    while run["status"] != "completed":
        await clock.sleep(0.1)
        run = await patient(http, "GET", f"/v1/runs/{run['id']}")
    http.close()
    text = " ".join(str(number) for number in range(1, 31))
    assert said(run) == text, run
    return Known(str(run["id"]), text, int(str(run["last_seq"])))


async def play(
    here: Installation, given: argparse.Namespace, faults: Sequence[Fault], console: Console
) -> Played:
    """Load for the whole time, faults by the schedule; then wait for rest and judge."""
    known = await a_finished_run(here)
    where = machine(processes.postmasters(here.home))  # now: an hour later the checkout may be another one
    crowd = Crowd(here, random.Random(given.seed))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        step = progress.add_task("warm-up", total=len(faults))
        async with probing(
            *(here.folder, here.port, here.stream_port, here.token, known), rate=given.rate, mix=given.mix
        ) as out:
            played, meter = Played(time.monotonic(), machine=where), measuring(lambda: roots(here))
            coming = asyncio.create_task(crowd.come(given.load))
            for fault in faults:
                due = max(played.began + fault.at, recovered(played.done))
                if due + fault.seconds > played.began + given.seconds:
                    break
                await clock.sleep(max(0.0, due - clock.monotonic()))
                progress.update(step, description=f"{fault.sort} {fault.target}")
                played.done.append(await carry_out(here, fault, crowd.recent))
                progress.update(step, advance=1, description="recovery")
            await clock.sleep(max(8.0, played.began + given.seconds - clock.monotonic()))
            coming.cancel()
            played.busy = meter.read()
        played.seconds = time.monotonic() - played.began
        progress.update(step, description="rest")
        played.samples = read_samples(out)
        await reckon(here, crowd, played)
    return played


def recovered(done: Sequence[Done]) -> float:
    """When the last fault has had its pause: carrying it out may have taken longer than planned."""
    return done[-1].ended_monotonic + SHORTEST_PAUSE if done else 0.0


def roots(here: Installation) -> set[int]:
    """The first processes of what is tested."""
    servers_of = {here.redis.pid, here.postgres.pid}
    return {*(child.pid for child in here.children.values() if child.alive), *servers_of} - {0}


async def reckon(here: Installation, crowd: Crowd, played: Played) -> None:
    """Wait for rest, then compare everything."""
    connection = await here.connect()
    try:
        played.rest_seconds = await at_rest(connection)
        _, late = await asyncio.wait(crowd.tasks, timeout=10) if crowd.tasks else (None, set())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        probed = [sample.run_id for sample in played.samples if sample.run_id]
        played.found = await judge(crowd, connection, probed, played.done)
        played.delays = [delay for watcher in crowd.watchers for delay in watcher.delays]
        played.shapes = dict(crowd.shapes)
        played.errors = here.logs()
    finally:
        await connection.close()


async def run_mixed(given: argparse.Namespace, console: Console, faults: Sequence[Fault]) -> Played:
    """The whole of it, in a folder of its own; logs are kept if something is wrong."""
    extra = dict(pair.split("=", 1) for pair in given.env)
    with servers.scratch() as folder:
        try:
            async with installation(folder, Size(), extra) as here:
                played = await play(here, given, faults, console)
        finally:
            with contextlib.suppress(OSError):
                if given.keep:
                    keep_logs(folder, given.keep)
    return played


def deal(given: argparse.Namespace, deck: Mapping[str, Sort]) -> list[Fault]:
    size = Size()
    names = [
        *(f"api-{n}" for n in range(1, size.apis + 1)),
        *(f"stream-{n}" for n in range(1, size.streams + 1)),
        *(f"worker-{n}" for n in range(1, size.workers + 1)),
    ]
    return schedule(given.seed, given.seconds, names, deck)
