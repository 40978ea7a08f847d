"""`python -m bench.takeover`: how long a run stands still when its worker is killed, and what is lost.

Resident workers execute slow runs. One of them, chosen by a seeded dice, gets SIGKILL; a supervisor
starts another. For every run that it held, the time from the kill to the next `run.started` is
measured, both by the database's clock. The next kill comes when all of them go on. At the end the stored
runs are checked: each accepted run must have completed with exactly its text.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from bench import processes, servers
from bench.report import Machine, command_line, machine
from bench.stats import percentile
from bench.takeover_report import Outcome, write
from helium.adapters.embedded_postgres import EmbeddedPostgres
from helium.db.checker import check_invariants
from helium.kit.clock import SystemClock

STEPS = 8
WORDS = "one two three four five"
SCRIPT = [
    *[
        {
            "text": f"{WORDS} ",
            "pace_seconds": 0.1,
            "tool_calls": [{"name": "calculator", "arguments": {"expression": "6*7"}}],
        }
    ]
    * STEPS,
    {"text": "done"},
]
"""Eight model calls of half a second, each with a tool call, then the end."""
TEXT = f"{WORDS} " * STEPS + "done"
PATIENCE_SECONDS = 30.0
_clock = SystemClock()

HELD = "select id, epoch from run where worker_id = $1 and status = 'in_progress'"
GONE_ON = """
select k.id, extract(epoch from e.created_at)::float8 as at, r.status
from unnest($1::uuid[], $2::int[]) as k(id, epoch)
join run r on r.id = k.id
left join lateral (
    select created_at from event e where e.run_id = k.id and e.epoch > k.epoch
        and e.payload->>'type' = 'run.started'
    order by e.seq limit 1) e on true
"""
ENDED = "('completed', 'failed', 'cancelled', 'incomplete')"
TEXTS = """
select r.id, r.status, (
    select string_agg(i->'content'->0->>'text', '' order by s.position)
    from step s, json_array_elements(s.result->'items') i
    where s.run_id = r.id and i->>'type' = 'message') as said
from run r
"""


@dataclass(slots=True)
class Resident:
    """A worker process, and the name by which the database knows it."""

    process: "subprocess.Popen[bytes]"
    worker_id: UUID


@dataclass(slots=True)
class Bench:
    """The processes under test and what was measured so far."""

    folder: Path
    env: dict[str, str]
    connection: asyncpg.Connection
    http: httpx.AsyncClient
    dice: random.Random
    workers: list[Resident] = field(default_factory=list[Resident])
    accepted: list[str] = field(default_factory=list[str])
    seconds: list[float] = field(default_factory=list[float])
    per_kill: list[int] = field(default_factory=list[int])

    async def start_worker(self) -> Resident:
        """A worker that has taken its lease."""
        known = {row["id"] for row in await self.connection.fetch("select id from worker")}
        log = (self.folder / f"worker-{uuid4().hex[:8]}.log").open("wb")
        process = spawn("worker", self.env, log)
        deadline = time.monotonic() + servers.READY_SECONDS
        while time.monotonic() < deadline:
            for row in await self.connection.fetch("select id from worker"):
                if row["id"] not in known:
                    return Resident(process, row["id"])
            await _clock.sleep(0.02)
        raise servers.NotReady("a worker took no lease")

    async def feed(self, active: int) -> None:
        """Keep this many runs unfinished, until cancelled."""
        while True:
            count = await self.http_count()
            for _ in range(active - count):
                answer = await self.http.post("/v1/runs", json={"input": "go", "agent": "slow"})
                answer.raise_for_status()
                self.accepted.append(answer.json()["id"])
            await _clock.sleep(0.1)

    async def http_count(self) -> int:
        queued = await self.http.get("/v1/runs", params={"limit": 200})
        return sum(run["status"] in ("queued", "in_progress") for run in queued.json()["data"])

    async def kill_one(self) -> None:
        """Kill a worker that holds runs, and measure when each of them goes on."""
        place = self.dice.randrange(len(self.workers))
        victim = self.workers[place]
        held = await self.connection.fetch(HELD, victim.worker_id)
        if not held:
            return
        at = await self.connection.fetchval("select extract(epoch from clock_timestamp())::float8")
        victim.process.send_signal(signal.SIGKILL)
        victim.process.wait()
        restart = asyncio.create_task(self.measure([(row["id"], row["epoch"]) for row in held], at))
        fresh = await self.start_worker_beside()
        self.workers[place] = fresh
        measured = await restart
        self.seconds.extend(measured)
        self.per_kill.append(len(measured))

    async def start_worker_beside(self) -> Resident:
        """The supervisor's part, on a connection of its own, while the other one measures."""
        connection = await asyncpg.connect(self.env["HELIUM_DATABASE_URL"])
        try:
            beside = Bench(self.folder, self.env, connection, self.http, self.dice)
            return await beside.start_worker()
        finally:
            await connection.close()

    async def measure(self, held: Sequence[tuple[UUID, int]], killed_at: float) -> list[float]:
        """Seconds from the kill to the next start, of each run that had not ended by then."""
        ids, epochs = [run_id for run_id, _ in held], [epoch for _, epoch in held]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            rows = await self.connection.fetch(GONE_ON, ids, epochs)
            waiting = [r for r in rows if r["at"] is None and r["status"] in ("queued", "in_progress")]
            if not waiting:
                return [row["at"] - killed_at for row in rows if row["at"] is not None]
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(waiting)} runs were not taken over in {PATIENCE_SECONDS} s")
            await _clock.sleep(0.05)

    async def finish(self) -> None:
        """Wait for the end of every run."""
        deadline = time.monotonic() + 120
        sql = f"select count(*) from run where status not in {ENDED}"
        while await self.connection.fetchval(sql) and time.monotonic() < deadline:
            await _clock.sleep(0.2)


def spawn(role: str, env: dict[str, str], log: Any) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "helium", role]
    return subprocess.Popen(command, cwd=servers.BACKEND, env=env, stdout=log, stderr=log)


@contextlib.asynccontextmanager
async def running(folder: Path, given: argparse.Namespace) -> AsyncIterator[Bench]:
    """An embedded database, an API process, and an agent that works slowly; no worker yet."""
    home, port = folder / "home", servers.free_port()
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    (folder / "script.json").write_text(json.dumps(SCRIPT))
    database = EmbeddedPostgres(home)
    url = await asyncio.to_thread(database.start)
    env = {
        **os.environ,
        "HELIUM_HOME": str(home),
        "HELIUM_PORT": str(port),
        "HELIUM_DATABASE_URL": url,
        "HELIUM_SCRIPT": str(folder / "script.json"),
        **dict(pair.split("=", 1) for pair in given.env),
    }
    command = [sys.executable, "-m", "helium", "api"]
    try:
        with servers.started(command, folder / "api.log", port=port, health="/api/ready", env=env) as _:
            token = servers.token([*command[:-1], "up"], env)
            headers = {"Authorization": f"Bearer {token}"}
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as http:
                agent = {"name": "slow", "model": "scripted:slow", "tools": ["calculator"]}
                (await http.post("/v1/agents", json=agent)).raise_for_status()
                connection = await asyncpg.connect(url)
                yield Bench(folder, env, connection, http, random.Random(given.seed))
                await connection.close()
    finally:
        await asyncio.to_thread(lambda: database.stop(force=True))


async def play(bench: Bench, given: argparse.Namespace, console: Console) -> Outcome:
    try:
        for _ in range(given.workers):
            bench.workers.append(await bench.start_worker())
        feeding = asyncio.create_task(bench.feed(given.runs))
        await _clock.sleep(3)
        with Progress(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console) as progress:
            task = progress.add_task("kills", total=given.kills)
            while len(bench.per_kill) < given.kills:
                await bench.kill_one()
                progress.update(task, completed=len(bench.per_kill))
                await _clock.sleep(bench.dice.uniform(0.7, 1.7))
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding
        await bench.finish()
        return await judge(bench, given)
    finally:
        for worker in bench.workers:
            processes.end(worker.process.pid)
            worker.process.wait()


async def judge(bench: Bench, given: argparse.Namespace) -> Outcome:
    """What was lost or doubled: by the checker, and by every run's text."""
    stored = {row["id"].hex: row for row in await bench.connection.fetch(TEXTS)}
    accepted = [run_id.partition("_")[2] for run_id in bench.accepted]
    missing = [run_id for run_id in accepted if run_id not in stored]
    unfinished = [i for i in accepted if i in stored and stored[i]["status"] != "completed"]
    wrong = [i for i in accepted if i in stored and i not in unfinished and stored[i]["said"] != TEXT]
    violations = await check_invariants(bench.connection)
    return Outcome(
        date=time.strftime("%Y-%m-%d"),
        command=command_line("bench.takeover", sys.argv[1:]),
        machine=where(),
        seed=given.seed,
        workers=given.workers,
        active_runs=given.runs,
        environment=given.env,
        kills=len(bench.per_kill),
        accepted=len(accepted),
        steps=await bench.connection.fetchval("select count(*) from step"),
        interrupted=len(bench.seconds),
        p50=round(percentile(bench.seconds, 50), 2),
        p95=round(percentile(bench.seconds, 95), 2),
        longest=round(max(bench.seconds), 2),
        missing=len(missing),
        unfinished=[f"{i} {stored[i]['status']}" for i in unfinished],
        wrong=wrong,
        violations=violations,
        seconds=[round(value, 3) for value in bench.seconds],
    )


def where() -> Machine:
    return machine(set())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.takeover", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--runs", type=int, default=24, help="unfinished at any time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for Helium")
    parser.add_argument("--out", type=Path, default=servers.BACKEND.parent / "docs" / "benchmarks")
    return parser.parse_args()


async def bench_takeover(given: argparse.Namespace, console: Console) -> Outcome:
    with servers.scratch() as folder:
        async with running(folder, given) as bench:
            return await play(bench, given, console)


def main() -> None:
    given, console = arguments(), Console(stderr=True)
    outcome = asyncio.run(bench_takeover(given, console))
    page = write(outcome, given.out)
    console.print(page.read_text(), markup=False)
    raise SystemExit(0 if outcome.good else 1)


if __name__ == "__main__":
    main()
