"""Ringing: one task for each run, a bounded number at once, and never an error for the caller."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import grpc
import pytest
import structlog.testing
from google.auth.credentials import AnonymousCredentials
from google.cloud.tasks_v2 import HttpMethod
from google.cloud.tasks_v2 import Task as HttpTask

from helium.adapters.cloud_tasks import CloudTasksBell, Place, QueueAway, Target, open_cloud_tasks
from helium.adapters.cloud_tasks.bell import MOST_AT_ONCE
from helium.adapters.cloud_tasks.google import open_client
from helium.adapters.cloud_tasks.messages import ring_body
from helium.adapters.cloud_tasks.queue import MOST_DELAY_SECONDS, Message
from helium.kit.clock import SystemClock
from tests.cloud_tasks.asgi import Kept
from tests.cloud_tasks.fake_queue import FakeQueue, clock, seconds_of
from tests.contract.queues.cloud_tasks import ACCOUNT, OpenCloudTasks, opened, place_at, target_at
from tests.support.processes import BACKEND, until


@pytest.fixture
async def queue() -> AsyncIterator[OpenCloudTasks]:
    """Paused, so that what is rung stays to be looked at."""
    async with opened() as queue:
        yield queue


def new_runs(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


def tasks_of(queue: FakeQueue) -> list[HttpTask]:
    return [entry.task for entry in queue.entries.values()]


async def test_a_ring_is_a_post_with_a_token_for_the_worker(queue: OpenCloudTasks) -> None:
    runs = new_runs(1)
    await queue.bell.ring(runs)
    (task,) = tasks_of(queue.alive)
    request, url = task.http_request, queue.cloud.target.url
    assert (request.url, request.http_method) == (f"{url}/internal/tasks/execute", HttpMethod.POST)
    assert (request.body, request.headers["Content-Type"]) == (ring_body(runs[0]), "application/json")
    assert (request.oidc_token.service_account_email, request.oidc_token.audience) == (ACCOUNT, url)
    assert seconds_of(task.dispatch_deadline) == queue.cloud.target.seconds
    assert "schedule_time" not in task


@pytest.mark.parametrize(
    ("seconds", "deadline"), [(1, 15), (15, 15), (99.5, 99.5), (1800, 1800), (9e9, 1800)]
)
def test_a_deadline_is_one_that_cloud_tasks_permits(seconds: float, deadline: float) -> None:
    assert Target(url="http://w", account="a", seconds=seconds).deadline_seconds == deadline


async def test_a_delay_is_a_time_of_at_most_thirty_days(queue: OpenCloudTasks) -> None:
    now = clock.time()
    await queue.bell.ring(new_runs(1), 90.5)
    await queue.bell.ring(new_runs(1), 10 * MOST_DELAY_SECONDS)
    await queue.bell.ring(new_runs(1), -3)
    delays = [entry.due - now for entry in queue.alive.entries.values()]
    assert delays == [pytest.approx(wanted, abs=10) for wanted in (90.5, MOST_DELAY_SECONDS, 0)]


async def test_a_large_ring_makes_a_bounded_number_of_calls_at_once(queue: OpenCloudTasks) -> None:
    queue.server.stuck = asyncio.Event()
    rings = asyncio.gather(
        queue.bell.ring(new_runs(100)), *(queue.bell.ring(new_runs(1)) for _ in range(100))
    )
    await until(lambda: queue.server.most_at_once == MOST_AT_ONCE, "as many calls as permitted")
    queue.server.stuck.set()
    await rings
    assert (queue.server.most_at_once, len(queue.alive.entries)) == (MOST_AT_ONCE, 200)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
async def test_a_call_that_failed_in_passing_is_tried_once_more(
    queue: OpenCloudTasks, code: grpc.StatusCode
) -> None:
    queue.server.failures = [code]
    with structlog.testing.capture_logs() as told:
        await queue.bell.ring(new_runs(1))
    assert (len(queue.alive.entries), told) == (1, [])

    queue.server.failures = [code] * 3
    with pytest.raises(QueueAway):
        await queue.cloud.queue.put(Message(body=b""))
    assert queue.server.failures == [code]


async def test_a_call_that_can_never_succeed_is_not_repeated(queue: OpenCloudTasks) -> None:
    queue.server.failures = [grpc.StatusCode.PERMISSION_DENIED] * 2
    with pytest.raises(QueueAway, match="PermissionDenied"):
        await queue.cloud.queue.put(Message(body=b""))
    assert len(queue.server.failures) == 1


async def test_an_outage_is_told_once_and_costs_each_ring_nothing(queue: OpenCloudTasks) -> None:
    await queue.server.stop()
    with structlog.testing.capture_logs() as told:
        began = clock.monotonic()
        await queue.bell.ring(new_runs(500))
        first = clock.monotonic() - began
        for _ in range(100):
            await queue.bell.ring(new_runs(5))
        rest = clock.monotonic() - began - first
        await queue.server.start()

        async def back() -> bool:
            await queue.bell.ring(new_runs(1))
            return any(entry["event"] == "bell.back" for entry in told)

        await until(back, "the end of the outage")
    assert first < 3
    assert rest < 0.5
    assert [entry["event"] for entry in told] == ["bell.away", "bell.back"]


async def test_a_service_that_does_not_answer_ends_a_ring_after_its_seconds(queue: OpenCloudTasks) -> None:
    queue.server.stuck = asyncio.Event()
    began = clock.monotonic()
    await asyncio.gather(*(queue.bell.ring(new_runs(20)) for _ in range(20)))
    assert clock.monotonic() - began < 7
    queue.server.stuck.set()


class Stuck(Kept):
    """Begins to keep a message, and goes on when it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[Message] = []
        self.released = asyncio.Event()

    async def put(self, message: Message) -> None:
        self.begun.append(message)
        await self.released.wait()
        await super().put(message)


async def away(queue: Stuck) -> CloudTasksBell:
    """A bell that knows that its queue, which is stuck now, is away."""
    bell = CloudTasksBell(queue)
    queue.released.set()
    queue.away = True
    await bell.ring(new_runs(1))
    queue.released.clear()
    queue.begun.clear()
    queue.away = False
    return bell


async def test_while_the_queue_is_away_one_ring_at_a_time_tries() -> None:
    queue = Stuck()
    bell = await away(queue)
    probing = new_runs(3)
    await bell.ring(probing)
    await bell.ring(new_runs(3))
    await until(lambda: len(queue.begun) == 1, "a try")
    queue.released.set()
    await until(lambda: len(queue.messages) == 3, "the ring that tries")
    assert [message.body for message in queue.messages] == [ring_body(run) for run in probing]
    await bell.close()
    assert len(queue.messages) == 3


async def test_a_ring_does_not_wait_for_a_slow_queue() -> None:
    queue, began = Stuck(), clock.monotonic()
    bell = CloudTasksBell(queue, wait_seconds=0.05)
    await bell.ring(new_runs(1000))
    assert clock.monotonic() - began < 1
    assert (len(queue.begun), queue.messages) == (MOST_AT_ONCE, [])
    queue.released.set()
    await until(lambda: len(queue.messages) == 1000, "the rest in the background")


async def test_a_queue_that_is_too_slow_for_long_loses_rings_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("helium.adapters.cloud_tasks.bell.MOST_PENDING", 50)
    queue = Stuck()
    bell = CloudTasksBell(queue, wait_seconds=0.01)
    with structlog.testing.capture_logs() as told:
        for _ in range(20):
            await bell.ring(new_runs(10))
    queue.released.set()
    await bell.close()
    assert len(queue.messages) == 50 + MOST_AT_ONCE
    assert [entry["event"] for entry in told] == ["bell.lost"]


async def test_a_bell_that_closes_sends_what_it_can_first() -> None:
    queue = Stuck()
    bell = CloudTasksBell(queue, wait_seconds=0.01)
    await bell.ring(new_runs(100))
    asyncio.get_running_loop().call_later(0.05, queue.released.set)
    await bell.close()
    assert len(queue.messages) == 100


async def test_a_bell_that_closes_leaves_nothing_behind() -> None:
    queue = Stuck()
    bell = CloudTasksBell(queue, wait_seconds=0.01)
    await bell.ring(new_runs(100))
    senders = asyncio.all_tasks() - {asyncio.current_task()}
    await bell.close()
    assert len(senders) == MOST_AT_ONCE
    assert all(sender.cancelled() for sender in senders)
    assert (len(queue.begun), queue.messages) == (MOST_AT_ONCE, [])


async def test_a_bell_that_closes_lets_go_of_whoever_rings() -> None:
    queue = Stuck()
    bell = CloudTasksBell(queue, wait_seconds=60)
    ring = asyncio.create_task(bell.ring(new_runs(100)))
    await until(lambda: len(queue.begun) == MOST_AT_ONCE, "a ring under way")
    await bell.close()
    async with asyncio.timeout(10):
        await ring


async def test_the_first_message_after_an_outage_is_not_lost(queue: OpenCloudTasks) -> None:
    await queue.server.stop()
    for _ in range(3):
        with pytest.raises(QueueAway):
            await queue.cloud.queue.put(Message(body=b"lost"))
    await queue.server.start()
    await queue.cloud.queue.put(Message(body=b"kept"))
    assert [task.http_request.body for task in tasks_of(queue.alive)] == [b"kept"]


@pytest.mark.parametrize(
    ("endpoint", "url", "account", "says"),
    [
        ("127.0.0.1:9", "https://worker", ACCOUNT, "HELIUM_QUEUE__GCP_ENDPOINT"),
        ("", "http://worker", ACCOUNT, "https://"),
        ("", "https://worker", "", "HELIUM_QUEUE__PUSH_ACCOUNT"),
    ],
)
async def test_production_refuses_what_is_for_tests(
    endpoint: str, url: str, account: str, says: str
) -> None:
    place = Place(project="p", location="l", name="q", endpoint=endpoint)
    target = Target(url=url, account=account, seconds=60)
    async with AsyncExitStack() as stack:
        with pytest.raises(ValueError, match=says):
            await stack.enter_async_context(open_cloud_tasks(place, target, SystemClock(), production=True))


async def test_importing_the_adapter_imports_no_library_of_google() -> None:
    costly = "{'google.cloud.tasks_v2', 'grpc', 'jwt', 'aiohttp'}"
    program = f"import sys, helium.adapters.cloud_tasks; print(sorted({costly} & set(sys.modules)))"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=BACKEND, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    assert said.decode().strip() == "[]"


async def test_a_client_for_google_itself_can_be_made_without_blocking_the_loop() -> None:
    async with open_client("", AnonymousCredentials()) as client:
        assert client.transport.kind == "grpc_asyncio"


async def test_an_endpoint_needs_no_credentials(
    queue: OpenCloudTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise AssertionError("credentials were looked for")

    monkeypatch.setattr("helium.adapters.cloud_tasks.google.find_credentials", fail)
    place, target = place_at(queue.server), target_at(queue.port)
    async with open_cloud_tasks(place, target, SystemClock(), production=False) as cloud:
        await cloud.bell.ring(new_runs(1))
    assert len(queue.alive.entries) == 1
