"""Starts of processes are counted, also of those that end before they could count anything."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from uuid import UUID

import httpx
import psutil
import pytest
from blockbuster import BlockBuster

from helium.adapters.prometheus import RunFigures
from helium.bootstrap.metrics import host_text
from helium.cli.failure import Failure
from helium.cli.supervise import Supervisor
from helium.db.database import open_database
from helium.kit.clock import ManualClock, SystemClock
from helium.kit.metrics import REGISTRY, HostValues
from tests.metrics.test_one_process import metrics, value
from tests.support.processes import Forge, free_port, until
from tests.support.scene import scene

pytestmark = [pytest.mark.postgres, pytest.mark.process]
STARTS = "helium_process_starts_total"


async def test_a_process_by_itself_counts_its_role_once(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url) as stage:
        text = (await metrics(stage)).text

    assert value(text, STARTS, role="api") == 1
    assert [value(text, STARTS, role=role) for role in ("all", "stream", "worker", "sweeper")] == [0.0] * 4


async def test_a_supervisor_counts_each_process_that_it_starts(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    port = free_port()
    env = {"HELIUM_METRICS__PORT": str(port), "HELIUM_DATABASE__POOL_SIZE": "5"}
    more = ("--processes", "2")
    async with scene(helium_forge, tmp_path, database_url, role="up", more=more, **env) as stage:

        async def starts() -> float:
            async with httpx.AsyncClient() as http:
                return value((await http.get(f"http://127.0.0.1:{port}/metrics")).text, STARTS, role="all")

        await until(lambda: stage.api.node.said("Helium is running"), "both processes serve")
        assert await starts() == 2
        children = [c for c in psutil.Process(stage.api.node.pid).children() if "child" in c.cmdline()]
        os.kill(children[0].pid, signal.SIGKILL)

        async def three() -> bool:
            return await starts() == 3

        await until(three, "the third start is counted")
        stage.api.node.send(signal.SIGTERM)
        await stage.api.node.gone()


async def test_a_process_that_ends_at_once_is_counted_again_and_again(
    database_url: str, loop_guard: BlockBuster
) -> None:
    """A crash loop in which nothing of ours is ever imported."""
    # It reads a pipe that the loop has found readable.
    loop_guard.functions["os.read"].can_block_in("helium/cli/supervise.py", "read")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        supervisor = Supervisor(
            [sys.executable, "-S", "-c", "raise SystemExit(3)"],
            {},
            listener,
            SystemClock(),
            count=1,
            end_seconds=5,
            give_back=_nothing,
        )
        starting = asyncio.create_task(supervisor.start())
        async with open_database(database_url, pool_size=1, pooler=False) as database:
            text = host_text(supervisor.counts, RunFigures(database, ManualClock()))

            async def four() -> bool:
                return value((await text(""))[0].decode(), STARTS, role="all") >= 4

            await until(four, "four starts")
        async with asyncio.timeout(30):  # it does not wait for a process that has ended
            (ended,) = await asyncio.gather(starting, return_exceptions=True)
        await supervisor.stop()
    assert isinstance(ended, Failure)


async def _nothing(worker_id: UUID) -> None:
    pass


async def test_what_a_process_counts_of_itself_is_not_added_to_its_supervisors_count(
    database_url: str,
) -> None:
    host = HostValues(REGISTRY)
    shared = [host.open(), host.open()]
    for each in shared:
        each.values.cells[each.values.add(STARTS, ("all",), 1)] = 1.0
    host.close(shared[0])
    async with open_database(database_url, pool_size=1, pooler=False) as database:
        text = (await host_text(host, RunFigures(database, ManualClock()))(""))[0].decode()
    host.close(shared[1])

    assert value(text, STARTS, role="all") == 2
