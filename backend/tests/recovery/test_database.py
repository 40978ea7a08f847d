"""The database restarts, goes away, or freezes, while everybody works."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from helium.adapters.embedded_postgres import EmbeddedPostgres
from helium.db.migrate import migrate
from tests.support.processes import Forge, hold, until
from tests.support.proxy import PostgresProxy, postgres_proxy
from tests.support.scene import Scene, said, scene

COUNTED = " ".join(map(str, range(1, 31)))
TTL = 1.0


class Server:
    """A database server of this file's own, which may be stopped and started."""

    def __init__(self, embedded: EmbeddedPostgres, url: str) -> None:
        self.url = url
        self._cluster = embedded._cluster()  # pyright: ignore[reportPrivateUsage]

    def control(self, verb: str, *arguments: str) -> None:
        program = self._cluster.programs.path("pg_ctl")
        # A server that it starts must not inherit the pipe on which we wait for `pg_ctl` itself.
        log = () if verb == "stop" else ("-l", self._cluster.data / "control.log")
        command = [program, verb, "-s", "-w", "-D", self._cluster.data, *log, *arguments]
        done = self._cluster.account.run(command)
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    home = Path(tempfile.mkdtemp(prefix="helium-test-"))
    home.chmod(0o755)
    embedded = EmbeddedPostgres(home)
    url = embedded.start()
    asyncio.run(migrate(url))
    try:
        yield Server(embedded, url)
    finally:
        embedded.reset(force=True)


@pytest.fixture
async def stage(helium_forge: Forge, tmp_path: Path, server: Server) -> AsyncIterator[Scene]:
    async with scene(helium_forge, tmp_path, server.url) as made:
        yield made


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_under_load_fails_no_run_and_loses_no_write(
    mode: str, stage: Scene, server: Server
) -> None:
    await stage.fleet.worker()
    await stage.fleet.worker()
    running = [await stage.start("count from 1 to 30 slowly") for _ in range(30)]
    prober = Prober(stage)
    probing = asyncio.create_task(prober.start_runs())
    await until(lambda: len(prober.accepted) > 10, "some runs are accepted")

    await asyncio.to_thread(server.control, "restart", "-m", mode)

    before = len(prober.accepted)
    await until(lambda: probing.done() or len(prober.accepted) > before + 10, "runs are accepted again")
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing
    await stage.reconnect()
    ended = await stage.whole(running)
    assert [(run["status"], said(run)) for run in ended] == [("completed", COUNTED)] * 30
    for run_id in prober.accepted:
        await stage.status(run_id, "completed")
    await stage.consistent()
    print(  # noqa: T201 - shown with `pytest -s`, and when the test fails
        f"\nrestart -m {mode}: longest gap {prober.gap:.2f} s, {len(prober.accepted)} accepted meanwhile"
    )
    assert prober.gap < 10


class Prober:
    """Starts a run every 20 ms, each until it is accepted, and measures the longest time without."""

    def __init__(self, stage: Scene) -> None:
        self.accepted: list[str] = []
        self.gap = 0.0
        self._stage = stage

    async def start_runs(self) -> None:
        last = time.monotonic()
        while True:
            headers = {"Idempotency-Key": f"{os.getpid()}-{last}"}
            run_id = None
            while run_id is None:
                run_id = await self._try(headers)
            self.accepted.append(run_id)
            now = time.monotonic()
            last, self.gap = now, max(self.gap, now - last)
            await hold(0.02)

    async def _try(self, headers: dict[str, str]) -> str | None:
        try:
            answer = await self._stage.http.post(
                "/v1/runs", json={"input": "hello"}, headers=headers, timeout=5
            )
        except httpx.TransportError:
            return None
        if answer.status_code != 202:
            assert answer.status_code == 503, answer.text
            await hold(0.02)
            return None
        return str(answer.json()["id"])


async def test_an_outage_longer_than_the_lease_takes_no_run_from_the_living(
    stage: Scene, server: Server
) -> None:
    await stage.fleet.worker()
    await stage.fleet.worker()
    runs = [await stage.start("count from 1 to 30 slowly") for _ in range(8)]
    for run_id in runs:
        await stage.events(run_id, 6)

    await asyncio.to_thread(server.control, "stop", "-m", "fast")
    await hold(3.5 * TTL)
    await asyncio.to_thread(server.control, "start", "-o", started_with(server))
    await stage.reconnect()

    ended = await stage.whole(runs)
    assert [(run["status"], run["attempt"], said(run)) for run in ended] == [("completed", 1, COUNTED)] * 8
    await stage.consistent()


def started_with(server: Server) -> str:
    socket = server.url.split("host=")[1].split("&")[0]
    return f"-c listen_addresses= -c unix_socket_permissions=0700 -c unix_socket_directories={socket}"


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[PostgresProxy]:
    async with postgres_proxy(server.url) as made:
        yield made


async def test_a_frozen_database_takes_no_run_from_the_living(stage: Scene, proxy: PostgresProxy) -> None:
    for _ in range(2):
        await stage.fleet.worker(HELIUM_DATABASE_URL=proxy.url)
    runs = [await stage.start("count from 1 to 30 slowly") for _ in range(4)]
    for run_id in runs:
        await stage.events(run_id, 6)

    proxy.freeze()
    await hold(3.5 * TTL)
    proxy.thaw()

    ended = await stage.whole(runs)
    assert [(run["status"], run["attempt"], said(run)) for run in ended] == [("completed", 1, COUNTED)] * 4
    await stage.consistent()


async def test_a_worker_that_is_told_to_stop_without_a_database_stops(
    stage: Scene, proxy: PostgresProxy
) -> None:
    drain = {"HELIUM_WORKER__DRAIN_SECONDS": "1"}
    worker = await stage.fleet.worker(HELIUM_DATABASE_URL=proxy.url, **drain)
    run_id = await stage.start("count from 1 to 40 slowly")
    await stage.events(run_id, 6)

    proxy.freeze()
    began = time.monotonic()
    worker.send(signal.SIGTERM)

    await worker.gone(20)
    assert time.monotonic() - began < 10
    proxy.thaw()
    await stage.fleet.worker()
    run = await stage.finished(run_id)
    assert (run["status"], said(run)) == ("completed", " ".join(map(str, range(1, 41))))
    await stage.consistent()
