"""Workers whose clocks are an hour wrong: leases are the database's business, so nothing changes (A3)."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.processes import BACKEND, FAST, Forge, environment, until
from tests.support.scene import Scene, said, scene
from tests.support.servers import require

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
COUNTED = " ".join(map(str, range(1, 31)))


@asynccontextmanager
async def skewed(stage: Scene, url: str, offset: str) -> AsyncGenerator["subprocess.Popen[bytes]"]:
    """A worker that believes it is earlier or later; only differences of its clock are right."""
    require(LIBRARY)
    own = {
        "HELIUM_HOME": str(stage.fleet.home),
        "HELIUM_DATABASE_URL": url,
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    log = stage.fleet.home / f"skewed{offset}.log"
    command = [sys.executable, "-m", "helium", "worker"]
    with log.open("wb") as output:
        process = await asyncio.to_thread(
            subprocess.Popen,
            command,
            cwd=BACKEND,
            env=environment({**FAST, **own, "HELIUM_LOG_FORMAT": "json"}),
            stdout=output,
            stderr=output,
        )
    try:
        await until(lambda: "worker.started" in log.read_text(), "the skewed worker starts")
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def holders(stage: Scene, run_id: str) -> int:
    """How many attempts the run had."""
    row = await stage.connection.fetchrow(
        "select attempt from run where id = $1", UUID(run_id.partition("_")[2])
    )
    assert row is not None
    return row["attempt"]


@pytest.mark.parametrize("offset", ["-1h", "+1h"])
async def test_a_worker_with_a_wrong_clock_takes_nothing_and_loses_nothing(
    offset: str, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url) as stage:
        right = await stage.fleet.worker()
        run_id = await stage.start("count from 1 to 30 slowly")
        await stage.events(run_id, 8)

        async with skewed(stage, database_url, offset):
            run = await stage.finished(run_id)
            assert (run["status"], run["attempt"], said(run)) == ("completed", 1, COUNTED)

            second = await stage.start("count from 1 to 30 slowly")
            await stage.events(second, 8)
            right.send(signal.SIGKILL)  # if it had the run, the skewed one takes it over in time
            run = await stage.finished(second)

            assert (run["status"], said(run)) == ("completed", COUNTED)
            assert await holders(stage, second) <= 2
        await stage.consistent()
