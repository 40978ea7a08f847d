"""An API process, workers and a real queue between them; the workers take nothing by themselves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from google.cloud.tasks_v2 import Queue as CloudQueue

from helium.lambda_main import make_invocations
from tests.cloud_tasks.issuer import Issuer
from tests.contract.queues.cloud_tasks import ACCOUNT, place_at, queue_at
from tests.sqs.mapping import Container
from tests.sqs.place import Place, open_place
from tests.support.cloud_tasks_server import serving
from tests.support.moto_server import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from tests.support.processes import Forge, free_port
from tests.support.redis_server import redis_server
from tests.support.scene import Scene, said, scene

# Nothing is claimed but what the queue delivers: the workers' own look comes after an hour.
ONLY_THE_QUEUE = {"HELIUM_QUEUE__OVERDUE_SECONDS": "3600", "HELIUM_QUEUE__CONCURRENCY": "20"}
COUNTED = " ".join(map(str, range(1, 31)))


@dataclass
class Way:
    """How the processes of a test are told where their queue is."""

    env: dict[str, str]
    worker_env: dict[str, str] = field(default_factory=dict[str, str])
    place: Place | None = None


@asynccontextmanager
async def dramatiq() -> AsyncGenerator[Way]:
    with redis_server() as server:
        yield Way({"HELIUM_QUEUE__KIND": "dramatiq", "HELIUM_REDIS_URL": server.url, **ONLY_THE_QUEUE})


@asynccontextmanager
async def bells() -> AsyncGenerator[Way]:
    """No queue: the workers look into the database, when Redis rings and seldom otherwise."""
    with redis_server() as server:
        yield Way({"HELIUM_REDIS_URL": server.url, "HELIUM_WORKER__POLL_SECONDS": "60"})


@asynccontextmanager
async def sqs() -> AsyncGenerator[Way]:
    async with open_place(max_receives=20) as place:
        yield Way(
            {
                "HELIUM_QUEUE__KIND": "sqs",
                "HELIUM_QUEUE__NAME": place.name,
                "HELIUM_QUEUE__AWS_REGION": REGION,
                "HELIUM_QUEUE__AWS_ENDPOINT": place.moto.url,
                "HELIUM_QUEUE__VISIBILITY_SECONDS": "5",
                "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
                **ONLY_THE_QUEUE,
            },
            place=place,
        )


@asynccontextmanager
async def cloud_tasks() -> AsyncGenerator[Way]:
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(Issuer().serving())
        server = await stack.enter_async_context(serving(issuer))
        place, port = place_at(server), free_port()
        server.add_queue(queue_at(place))
        server.add_queue(queue_at(place, "-dead")).set_state(CloudQueue.State.PAUSED)
        env = {
            "HELIUM_QUEUE__KIND": "cloud_tasks",
            "HELIUM_QUEUE__NAME": place.name,
            "HELIUM_QUEUE__GCP_PROJECT": place.project,
            "HELIUM_QUEUE__GCP_LOCATION": place.location,
            "HELIUM_QUEUE__GCP_ENDPOINT": server.endpoint,
            "HELIUM_QUEUE__PUSH_URL": f"http://127.0.0.1:{port}",
            "HELIUM_QUEUE__PUSH_ACCOUNT": ACCOUNT,
            "HELIUM_QUEUE__PUSH_KEYS_URL": issuer.url,
            **ONLY_THE_QUEUE,
        }
        yield Way(env, {"HELIUM_WORKER__PORT": str(port)})


WAYS: dict[str, Callable[[], AbstractAsyncContextManager[Way]]] = {
    "bells": bells,
    "dramatiq": dramatiq,
    "sqs": sqs,
    "cloud_tasks": cloud_tasks,
}


@pytest.fixture(params=WAYS)
async def way(request: pytest.FixtureRequest) -> AsyncIterator[Way]:
    async with WAYS[request.param]() as opened:
        yield opened


@asynccontextmanager
async def staged(forge: Forge, home: Path, url: str, way: Way) -> AsyncGenerator[Scene]:
    async with scene(forge, home, url, **way.env) as stage:
        yield stage


async def test_a_run_goes_from_the_api_through_the_queue_to_a_worker_and_back_to_its_viewer(
    way: Way, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with staged(helium_forge, tmp_path, database_url, way) as stage:
        await stage.fleet.worker(**way.worker_env)

        runs = [await stage.start(f"count from 1 to {n}") for n in (3, 4, 5)]
        finished = await stage.whole(runs)

        assert [run["status"] for run in finished] == ["completed"] * 3
        assert [run["attempt"] for run in finished] == [1] * 3
        await stage.consistent()


async def test_a_run_outlives_the_worker_that_the_queue_gave_it_to(
    way: Way, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with staged(helium_forge, tmp_path, database_url, way) as stage:
        first = await stage.fleet.worker(**way.worker_env)
        run_id = await stage.start("count from 1 to 30 slowly")
        await stage.events(run_id, 10)

        await first.kill()
        await stage.fleet.worker(**way.worker_env)
        run = await stage.finished(run_id, 45)

        assert (run["status"], said(run)) == ("completed", COUNTED)
        assert run["attempt"] >= 2
        await stage.consistent()


async def test_without_its_queue_a_worker_finds_the_run_by_looking(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    with redis_server() as server:
        env = {
            "HELIUM_QUEUE__KIND": "dramatiq",
            "HELIUM_REDIS_URL": server.url,
            "HELIUM_QUEUE__OVERDUE_SECONDS": "1",
        }
        async with scene(helium_forge, tmp_path, database_url, **env) as stage:
            await stage.fleet.worker()
            server.kill()

            run = await stage.finished(await stage.start("count from 1 to 3"), 30)

            assert run["status"] == "completed"
            await stage.consistent()


async def test_the_function_works_on_a_message_in_slices(
    monkeypatch: pytest.MonkeyPatch, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with sqs() as way, staged(helium_forge, tmp_path, database_url, way) as stage:
        own = {**way.env, "HELIUM_HOME": str(tmp_path), "HELIUM_DATABASE_URL": database_url}
        for name, value in {**own, "HELIUM_WORKER__LEASE_TTL_SECONDS": "1"}.items():
            monkeypatch.setenv(name, value)
        assert way.place is not None
        container = Container(way.place, await asyncio.to_thread(make_invocations), 8.0)
        serving_it = asyncio.create_task(container.serve())
        try:
            run_id = await stage.start("count from 1 to 30 slowly")
            run = await stage.finished(run_id, 60)
        finally:
            await container.stop()
            await serving_it

        assert (run["status"], said(run)) == ("completed", COUNTED)
        await stage.consistent()
