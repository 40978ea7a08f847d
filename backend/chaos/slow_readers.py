"""The scenario `slow-readers`: a tenth of the viewers stop reading; the others must not notice (R13)."""

import argparse
import asyncio
import contextlib
import random
import socket
from collections.abc import Mapping

import msgspec
import psutil
from rich.console import Console
from rich.progress import Progress

from bench import processes, servers
from bench.report import Machine, machine
from bench.stats import Spread, percentile, spread
from chaos.audience import LOUD_INPUT, Audience, script
from chaos.children import clock
from chaos.cores import Busy, measuring
from chaos.http1 import Http
from chaos.installation import Installation, Size, installation
from chaos.mixed import roots
from chaos.targets import Verdict

LOUD_RUNS = 2
SETTLE_SECONDS = 10.0
WATCHED_SECONDS = 65.0
SMALL_BUFFER = 4096


class Outcome(msgspec.Struct, kw_only=True):
    machine: Machine
    busy: Busy
    readers: int
    stalled: int
    closed: int
    """Stalled ones that the server gave up."""
    rss_before_mib: float
    rss_peak_mib: float
    delay_before_ms: Spread
    delay_while_ms: Spread
    delays: tuple[int, int]
    """How many were measured, before and while the others stall."""
    unfinished: int
    differing: list[str]
    verdicts: list[Verdict] = []


class Loud:
    """Viewers of loud runs, who read what comes, or stop reading."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._sockets: list[socket.socket] = []

    def come(self, run_ids: list[str], count: int, *, reading: bool) -> None:
        loop = asyncio.get_running_loop()
        for number in range(count):
            one = socket.socket()
            if not reading:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            one.connect(("127.0.0.1", self._port))
            one.sendall(
                f"GET /v1/runs/{run_ids[number % len(run_ids)]}/events HTTP/1.1\r\nhost: chaos\r\n"
                f"authorization: Bearer {self._token}\r\n\r\n".encode()
            )
            one.setblocking(False)
            if reading:
                loop.add_reader(one, read_away, one)
            self._sockets.append(one)

    def leave(self) -> None:
        for one in self._sockets:
            asyncio.get_running_loop().remove_reader(one)
            one.close()
        self._sockets.clear()


def read_away(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.recv(1 << 20)


def established(pid: int, port: int) -> int:
    """Connections to this port that the process holds."""
    found = psutil.Process(pid).net_connections("tcp")
    return sum(one.status == "ESTABLISHED" and one.laddr[1] == port for one in found)


async def loud_runs(http: Http) -> list[str]:
    body = {"input": LOUD_INPUT, "agent": "slow-0"}
    answers = [await http.ask("POST", "/v1/runs", body) for _ in range(LOUD_RUNS)]
    return [answer.json["id"] for answer in answers]


def delays_ms(audience: Audience, began: float, ended: float) -> list[float]:
    return [
        delay * 1e3 for watcher in audience.watchers for at, delay in watcher.delays if began <= at <= ended
    ]


async def watch_memory(pid: int, seconds: float) -> float:
    """The largest resident size within this time, in MiB."""
    peak, deadline = 0.0, clock.monotonic() + seconds
    while clock.monotonic() < deadline:
        peak = max(peak, psutil.Process(pid).memory_info().rss / 2**20)
        await clock.sleep(0.2)
    return peak


async def play(here: Installation, given: argparse.Namespace, progress: Progress) -> Outcome:
    step = progress.add_task("streams open", total=3)
    child, port = here.children["stream-1"], here.direct["stream-1"]
    audience = Audience(here.token, lambda: port, random.Random(given.seed))
    http, crowd = here.http(), Loud(port, here.token)
    readers, silent = round(given.clients * 0.9), round(given.clients * 0.1)
    await audience.start_runs(http, given.runs)
    await audience.open_streams(readers)
    await clock.sleep(SETTLE_SECONDS)
    meter = measuring(lambda: roots(here))
    loud = await loud_runs(http)
    progress.update(step, advance=1, description="all read")
    crowd.come(loud, silent, reading=True)
    await clock.sleep(SETTLE_SECONDS / 2)
    began = clock.time()
    before_mib = await watch_memory(child.pid, WATCHED_SECONDS / 2)
    progress.update(step, advance=1, description="some stall")
    calm = delays_ms(audience, began, clock.time())
    crowd.leave()
    crowd.come(loud, silent, reading=False)
    began = clock.time()
    peak_mib = await watch_memory(child.pid, WATCHED_SECONDS)
    rough = delays_ms(audience, began, clock.time())
    left = established(child.pid, port) - sum(watcher.writer is not None for watcher in audience.watchers)
    busy = meter.read()
    crowd.leave()
    for run_id in loud:
        await http.ask("POST", f"/v1/runs/{run_id}/cancel")
    progress.update(step, advance=1, description="runs finish")
    outcome = Outcome(
        machine=machine(processes.postmasters(here.home)),
        busy=busy,
        readers=readers,
        stalled=silent,
        closed=silent - max(left, 0),
        rss_before_mib=round(before_mib, 1),
        rss_peak_mib=round(peak_mib, 1),
        delay_before_ms=spread(calm),
        delay_while_ms=spread(rough),
        delays=(len(calm), len(rough)),
        unfinished=await audience.finish(90),
        differing=[],
    )
    connection = await here.connect()
    outcome.differing = await audience.differing(connection)
    await connection.close()
    outcome.verdicts = verdicts(outcome, percentile(calm, 99), percentile(rough, 99))
    return outcome


def verdicts(outcome: Outcome, before: float, during: float) -> list[Verdict]:
    grown = outcome.rss_peak_mib - outcome.rss_before_mib
    slower = during / before - 1
    memory = f"{grown:.1f} MiB ({outcome.rss_before_mib:.0f} to {outcome.rss_peak_mib:.0f}); "
    memory += f"{outcome.closed} of {outcome.stalled} stalled were closed"
    said = f"{before:.0f} ms before, {during:.0f} ms while ({slower:+.0%}; {outcome.delays[1]:,} chunks)"
    bad = len(outcome.differing) + outcome.unfinished
    return [
        Verdict("R13", "RSS grows < 64 MiB", memory, grown < 64),
        Verdict("R13", "the others' delay p99 grows < 10 %", said, slower < 0.10),
        Verdict("R13", "the others see all", f"{bad} of {outcome.readers} differ", bad == 0),
    ]


async def run_slow_readers(given: argparse.Namespace, console: Console) -> Outcome:
    with servers.scratch() as folder, Progress(console=console) as progress:
        extra: Mapping[str, str] = {
            **script(folder, given.words, given.pace),
            **dict(pair.split("=", 1) for pair in given.env),
        }
        async with installation(folder, Size(apis=1, streams=1), extra) as here:
            return await play(here, given, progress)


def page(outcome: Outcome, given: argparse.Namespace) -> list[str]:
    return [
        f"{outcome.readers:,} viewers of {given.runs} runs that say a word every {given.pace:g} s read "
        "what comes. "
        f"{outcome.stalled} others watch runs of 100 KB a second: first they read, then they come "
        "anew, with "
        f"receive buffers of {SMALL_BUFFER // 1024} KiB, and read nothing for {WATCHED_SECONDS:g} s. "
        "All are on "
        "one stream process. The delay is from an event's commit, by the database's clock, to its arrival.",
    ]
