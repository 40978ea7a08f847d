"""Several processes on one address: one dies, all are replaced, the supervisor itself dies."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from tests.support.processes import Forge, hold, until
from tests.support.scene import Scene, said, scene

TWO = ("--processes", "2")
LONG = {"HELIUM_WORKER__LEASE_TTL_SECONDS": "20", "HELIUM_WORKER__POLL_SECONDS": "0.1"}


@asynccontextmanager
async def supervised(forge: Forge, home: Path, url: str, **env: str) -> AsyncGenerator[Scene]:
    async with scene(forge, home, url, role="up", more=TWO, **env) as stage:
        try:
            await until(lambda: stage.api.node.said("Helium is running"), "both processes serve")
            yield stage
        finally:
            stage.api.node.send(signal.SIGTERM)
            await stage.api.node.gone()


def children(stage: Scene) -> list[psutil.Process]:
    found = psutil.Process(stage.api.node.pid).children()
    return [child for child in found if "child" in child.cmdline()]


async def holder(stage: Scene, run_id: str) -> psutil.Process:
    """The process that executes the run."""
    worker_id = await stage.connection.fetchval(
        "select worker_id from run where id = $1", UUID(run_id.partition("_")[2])
    )
    (found,) = [child for child in children(stage) if str(worker_id) in child.cmdline()]
    return found


async def test_guard_the_runs_of_a_dead_process_are_given_back_at_once(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with supervised(helium_forge, tmp_path, database_url, **LONG) as stage:
        run_id = await stage.start("count from 1 to 25 slowly")
        await stage.events(run_id, 8)

        os.kill((await holder(stage, run_id)).pid, signal.SIGKILL)
        run = await stage.finished(run_id, 15)  # its lease would have lasted for twenty seconds

        assert (run["status"], run["attempt"]) == ("completed", 2)
        await until(lambda: len(children(stage)) == 2, "the dead process is replaced")
        await stage.consistent()


async def test_a_rolling_restart_fails_no_request_and_breaks_no_answer(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with supervised(helium_forge, tmp_path, database_url, **LONG) as stage:
        before = {child.pid for child in children(stage)}
        runs = [await stage.start("count from 1 to 60 slowly") for _ in range(4)]
        answers: list[int] = []
        restarted = asyncio.Event()

        async def ask() -> None:
            while not restarted.is_set():
                answers.append((await stage.http.get("/v1/runs?limit=1")).status_code)
                await hold(0.02)

        asking = [asyncio.create_task(ask()) for _ in range(3)]
        stage.api.node.send(signal.SIGHUP)
        await until(lambda: stage.api.node.said("supervisor.restarted"), "the restart", 60)
        restarted.set()
        await asyncio.gather(*asking)
        finished = await stage.whole(runs)

        assert set(answers) == {200}
        assert len(answers) > 50
        assert before.isdisjoint(child.pid for child in children(stage))
        assert [run["status"] for run in finished] == ["completed"] * 4
        assert [said(run) for run in finished] == [" ".join(map(str, range(1, 61)))] * 4
        await stage.consistent()


async def test_the_processes_end_in_order_when_their_supervisor_is_killed(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with supervised(helium_forge, tmp_path, database_url) as stage:
        orphans = children(stage)

        await stage.api.node.kill()

        await until(lambda: not any(_alive(child) for child in orphans), "they end by themselves")


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("processes", [4])
async def test_guard_more_connections_than_the_database_has_are_refused_at_the_start(
    processes: int, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url) as stage:
        big = stage.fleet.start(
            "up", "--no-browser", "--processes", str(processes), HELIUM_DATABASE__POOL_SIZE="90"
        )

        assert await big.gone() == 1
        assert big.said("lower HELIUM_DATABASE__POOL_SIZE")
