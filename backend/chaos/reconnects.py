"""The scenario `reconnects`: viewers who are cut again and again (R6), and all at once (R7)."""

import argparse
import asyncio
import random
from dataclasses import dataclass, field

import msgspec
from rich.console import Console
from rich.progress import Progress

from bench import processes, servers
from bench.report import Machine, machine
from bench.stats import percentile
from chaos.audience import Audience, script
from chaos.bounds import counted, worst
from chaos.children import clock
from chaos.cores import Busy, measuring
from chaos.installation import Installation, Size, installation
from chaos.mixed import a_finished_run, roots
from chaos.probes import OK, Sample
from chaos.probing import probing, read_samples
from chaos.targets import Verdict
from chaos.watch import Watcher

CUTS = 10
SHORTEST, LONGEST = 2.0, 8.0
HERD_SECONDS = 15.0
FINISH_SECONDS = 90.0


class Outcome(msgspec.Struct, kw_only=True):
    """What the viewers went through, and what came of it."""

    machine: Machine
    busy: Busy
    clients: int
    runs: int
    cuts: int
    herd: int
    herd_seconds: list[float]
    """From the cut of all at once to each client's first event after it."""
    probes: int
    wrong_probes: dict[str, int]
    p95_ms: float
    herd_p95_ms: float
    """Of the probes in the fifteen seconds after the cut of all."""
    unfinished: int
    differing: list[str]
    events: int
    verdicts: list[Verdict] = []


@dataclass
class Instances:
    """Another instance for each connection, never the same twice in a row."""

    ports: list[int]
    turn: int = 0
    by_proxy: bool = False
    front: int = 0
    used: list[int] = field(default_factory=list[int])

    def next(self) -> int:
        if self.by_proxy:
            return self.front
        self.turn += 1
        return self.ports[self.turn % len(self.ports)]


async def cut_often(watcher: Watcher, dice: random.Random) -> int:
    """Cut one viewer ten times at random moments; how often there was a connection to cut."""
    cuts = 0
    while cuts < CUTS and not watcher.over:
        await clock.sleep(dice.uniform(SHORTEST, LONGEST))
        if watcher.writer is not None:
            watcher.cut()
            cuts += 1
    return cuts


async def herd(here: Installation, audience: Audience) -> tuple[float, list[float]]:
    """Cut all at once, as a balancer does that falls over; when each was shown something again."""
    under_way = [watcher for watcher in audience.watchers if not watcher.over]
    before = {watcher: len(watcher.resumed) for watcher in under_way}
    at = clock.monotonic()
    for watcher in under_way:
        watcher.cut()
    await clock.sleep(HERD_SECONDS)
    return at, [
        watcher.resumed[before[watcher]].at - at if len(watcher.resumed) > before[watcher] else float("inf")
        for watcher in under_way
        if not watcher.over or len(watcher.resumed) > before[watcher]
    ]


async def play(here: Installation, given: argparse.Namespace, progress: Progress) -> Outcome:
    dice, http = random.Random(given.seed), here.http()
    instances = Instances([port for name, port in here.direct.items() if name.startswith("stream")])
    audience = Audience(here.token, instances.next, dice)
    step = progress.add_task("streams open", total=4)
    known = await a_finished_run(here)
    await audience.start_runs(http, given.runs)
    await audience.open_streams(given.clients)
    place = (here.folder, here.port, here.stream_port, here.token, known)
    async with probing(*place, rate=given.rate, mix="run=8,threads=5,start=2,replay=5") as out:
        meter = measuring(lambda: roots(here))
        progress.update(step, advance=1, description="all are cut at once")
        await clock.sleep(5)
        at, seconds = await herd(here, audience)
        progress.update(step, advance=1, description="each is cut ten times")
        cuts = await asyncio.gather(*(cut_often(watcher, dice) for watcher in audience.watchers))
        busy = meter.read()
    progress.update(step, advance=1, description="runs finish")
    late = await audience.finish(FINISH_SECONDS)
    return await judge(here, audience, read_samples(out), busy, (sum(cuts), at, seconds, late))


async def judge(
    here: Installation,
    audience: Audience,
    samples: list[Sample],
    busy: Busy,
    came: tuple[int, float, list[float], int],
) -> Outcome:
    cuts, at, seconds, late = came
    connection = await here.connect()
    wrong: dict[str, int] = {}
    for sample in samples:
        if sample.first != OK:
            wrong[sample.first] = wrong.get(sample.first, 0) + 1
    in_herd = [sample.first_ms for sample in samples if at <= sample.at <= at + HERD_SECONDS]
    outcome = Outcome(
        machine=machine(processes.postmasters(here.home)),
        busy=busy,
        clients=len(audience.watchers),
        runs=len(audience.run_ids),
        cuts=cuts,
        herd=len(seconds),
        herd_seconds=[round(value, 3) for value in seconds],
        probes=len(samples),
        wrong_probes=wrong,
        p95_ms=percentile([sample.first_ms for sample in samples], 95),
        herd_p95_ms=percentile(in_herd, 95),
        unfinished=late,
        differing=await audience.differing(connection),
        events=sum(len(watcher.shown) for watcher in audience.watchers),
    )
    await connection.close()
    outcome.verdicts = verdicts(outcome)
    return outcome


def verdicts(outcome: Outcome) -> list[Verdict]:
    bad = len(outcome.differing) + outcome.unfinished
    late = sum(value >= 10 for value in outcome.herd_seconds)
    herd_said = (
        f"p50 {percentile(outcome.herd_seconds, 50):.1f}, p95 "
        f"{percentile(outcome.herd_seconds, 95):.1f}, longest "
        f"{worst(outcome.herd_seconds):.1f} s; not within 10 s: {counted(late, outcome.herd)}"
    )
    after = f"{outcome.herd_p95_ms:.0f} ms in the {HERD_SECONDS:.0f} s after the cut"
    api = f"{after}, {outcome.p95_ms:.0f} ms in all"
    return [
        Verdict(
            "R6",
            f"{outcome.clients:,} clients x {CUTS} cuts: 100 % equal the log",
            f"{counted(bad, outcome.clients)} differ; {outcome.cuts:,} cuts, {outcome.events:,} events",
            bad == 0,
        ),
        Verdict("R7", "all cut at once: all resumed < 10 s", herd_said, late == 0),
        Verdict("R7", "API p95 < 200 ms throughout", api, max(outcome.herd_p95_ms, outcome.p95_ms) < 200),
    ]


async def run_reconnects(given: argparse.Namespace, console: Console) -> Outcome:
    with servers.scratch() as folder, Progress(console=console) as progress:
        extra = {**script(folder, given.words, given.pace), **dict(p.split("=", 1) for p in given.env)}
        async with installation(folder, Size(apis=1), extra) as here:
            return await play(here, given, progress)


def page(outcome: Outcome, given: argparse.Namespace) -> list[str]:
    return [
        f"{outcome.clients:,} clients follow {outcome.runs} runs that say a word every {given.pace:g} "
        "s, on two stream "
        "processes; each new connection goes to the other one. First all are cut at once and come "
        "back after the "
        f"pause that the server named (0.5 to 3 s); then each is cut {CUTS} times, {SHORTEST:g} to "
        f"{LONGEST:g} s apart.",
        f"{outcome.probes:,} probes beside, {given.rate:g} a second: wrong "
        f"{outcome.wrong_probes or 'none'}.",
    ]
