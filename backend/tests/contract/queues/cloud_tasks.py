"""Cloud Tasks: Google's client on one end, HTTP pushes to uvicorn on the other."""

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from google.cloud.tasks_v2 import (
    CloudTasksAsyncClient,
    HttpRequest,
    ListTasksRequest,
    OidcToken,
    Queue,
    RateLimits,
    RetryConfig,
)
from google.cloud.tasks_v2 import Task as HttpTask

from helium.adapters.cloud_tasks import CloudTasks, Place, Target, open_cloud_tasks
from helium.adapters.cloud_tasks.google import open_client
from helium.adapters.cloud_tasks.messages import body_text
from helium.kit.clock import SystemClock
from helium.ports import Bell, Execute
from tests.cloud_tasks.fake_queue import Behaviour, FakeQueue
from tests.cloud_tasks.issuer import Issuer
from tests.cloud_tasks.pushes import pushed_to
from tests.contract.queues.side import OpenQueue
from tests.support.cloud_tasks_server import CloudTasksServer, duration, serving
from tests.support.processes import free_port

ACCOUNT = "queue@project.iam.gserviceaccount.com"
PUSH_SECONDS, PUT_SECONDS = 20.0, 2.0
CONCURRENCY = 8


def place_at(server: CloudTasksServer) -> Place:
    return Place(project="project", location="europe-west1", name="agents", endpoint=server.endpoint)


def target_at(port: int) -> Target:
    return Target(url=f"http://127.0.0.1:{port}", account=ACCOUNT, seconds=PUSH_SECONDS)


def queue_at(place: Place, suffix: str = "", max_attempts: int = -1) -> Queue:
    """A queue as Terraform makes it, in a hurry."""
    return Queue(
        name=place.path(suffix),
        rate_limits=RateLimits(max_concurrent_dispatches=CONCURRENCY),
        retry_config=RetryConfig(
            max_attempts=max_attempts,
            min_backoff=duration(0.05),
            max_backoff=duration(0.4),
            max_doublings=3,
        ),
    )


@dataclass
class OpenCloudTasks:
    """One queue. Without a consumer it is paused: the real worker service is never away."""

    cloud: CloudTasks
    server: CloudTasksServer
    alive: FakeQueue
    dead: FakeQueue
    client: CloudTasksAsyncClient
    port: int

    @property
    def bell(self) -> Bell:
        return self.cloud.bell

    @asynccontextmanager
    async def consumer(self, execute: Execute) -> AsyncGenerator[None]:
        route = self.cloud.route(execute, self.server.issuer.url)
        async with pushed_to(route, self.port):
            self.alive.set_state(Queue.State.RUNNING)
            try:
                yield
            finally:
                self.alive.set_state(Queue.State.PAUSED)

    async def send(self, body: str) -> None:
        target = self.cloud.target
        token = OidcToken(service_account_email=target.account, audience=target.url)
        request = HttpRequest(url=target.address, body=body.encode(), oidc_token=token)
        await self.client.create_task(parent=self.alive.config.name, task=HttpTask(http_request=request))

    async def buried(self) -> Sequence[str]:
        request = ListTasksRequest(parent=self.dead.config.name, response_view=HttpTask.View.FULL)
        found = await self.client.list_tasks(request=request)
        return [body_text(task.http_request.body) async for task in found]

    async def left(self) -> int:
        return len(self.alive.entries)


class CloudTasksSide:
    name = "cloud_tasks"
    delay_step = 0.001
    concurrency = CONCURRENCY
    deadline_seconds = PUSH_SECONDS
    ring_seconds = PUT_SECONDS

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[OpenQueue]:
        async with opened() as queue:
            yield queue

    def kill_command(self, queue: OpenCloudTasks) -> list[str]:
        queue.alive.set_state(Queue.State.RUNNING)
        arguments = [queue.server.endpoint, str(queue.port), queue.server.issuer.url]
        return [sys.executable, "-m", "tests.cloud_tasks.consume", *arguments]

    @asynccontextmanager
    async def away(self, queue: OpenCloudTasks) -> AsyncGenerator[None]:
        await queue.server.stop()
        try:
            yield
        finally:
            await queue.server.start()


@asynccontextmanager
async def opened(
    max_attempts: int = -1, behaviour: Behaviour | None = None
) -> AsyncGenerator[OpenCloudTasks]:
    """Empty queues on a server of their own."""
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(Issuer().serving())
        server = await stack.enter_async_context(serving(issuer, behaviour))
        place, port = place_at(server), free_port()
        alive = server.add_queue(queue_at(place, max_attempts=max_attempts))
        dead = server.add_queue(queue_at(place, "-dead"))
        alive.set_state(Queue.State.PAUSED)
        dead.set_state(Queue.State.PAUSED)
        client = await stack.enter_async_context(open_client(server.endpoint, None))
        cloud = await stack.enter_async_context(
            open_cloud_tasks(
                place,
                target_at(port),
                SystemClock(),
                production=False,
                put_seconds=PUT_SECONDS,
                wait_seconds=PUT_SECONDS,
            )
        )
        yield OpenCloudTasks(cloud, server, alive, dead, client, port)


SIDE = CloudTasksSide()
