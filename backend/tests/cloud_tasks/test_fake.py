"""The fake does what Google documents; what the adapter's tests show is worth no more than this."""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import jwt
import pytest
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, InvalidArgument, NotFound
from google.cloud.tasks_v2 import (
    CloudTasksAsyncClient,
    HttpRequest,
    OidcToken,
    Queue,
    RateLimits,
    RetryConfig,
)
from google.cloud.tasks_v2 import Task as HttpTask

from helium.adapters.cloud_tasks.google import open_client
from helium.kit.asgi import Receive, Scope, Send, header, read_body, send_json
from tests.cloud_tasks.fake_queue import Behaviour, FakeQueue, backoff_seconds, clock, is_given_up
from tests.cloud_tasks.issuer import Issuer, rsa_key
from tests.cloud_tasks.pushes import pushed_to
from tests.support.cloud_tasks_server import CloudTasksServer, duration, serving
from tests.support.processes import free_port, hold, until

PATH = "projects/p/locations/l/queues/q"


@dataclass
class Answers:
    """Answers with these statuses, then with 200."""

    statuses: list[int] = field(default_factory=list[int])
    scopes: list[Scope] = field(default_factory=list[Scope])
    bodies: list[bytes] = field(default_factory=list[bytes])
    retry_after: bytes = b""
    seconds: float = 0.0
    under_way: int = 0
    most: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.scopes.append(scope)
        self.bodies.append(await read_body(receive, 1000))
        await clock.sleep(self.seconds)
        self.under_way -= 1
        status = self.statuses.pop(0) if self.statuses else 200
        headers = [(b"retry-after", self.retry_after)] if self.retry_after else []
        await send_json(send, status, b"", headers=headers)

    def said(self, name: str) -> list[str | None]:
        return [header(scope, f"x-cloudtasks-{name}".encode()) for scope in self.scopes]


@dataclass
class Opened:
    server: CloudTasksServer
    client: CloudTasksAsyncClient
    answers: Answers
    url: str

    def queue(self, rates: RateLimits | None = None, retries: RetryConfig | None = None) -> FakeQueue:
        config = Queue(name=PATH, rate_limits=rates or RateLimits(), retry_config=retries or quick())
        return self.server.add_queue(config)

    async def create(self, name: str = "", after: float = 0.0, deadline: float = 15.0) -> HttpTask:
        token = OidcToken(service_account_email="a@p.example", audience="https://w")
        request = HttpRequest(url=self.url, body=b"hello", headers={"X-Own": "1"}, oidc_token=token)
        task = HttpTask(http_request=request, dispatch_deadline=duration(deadline))
        if name:
            task.name = f"{PATH}/tasks/{name}"
        if after:
            pb = HttpTask.pb(task)
            pb.schedule_time.FromMicroseconds(int((clock.time() + after) * 1_000_000))
        return await self.client.create_task(parent=PATH, task=task)


def quick(most: float = 0.2, doublings: int = 1, attempts: int = -1) -> RetryConfig:
    return RetryConfig(
        max_attempts=attempts,
        min_backoff=duration(0.05),
        max_backoff=duration(most),
        max_doublings=doublings,
    )


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour(burst=5, least_deadline_seconds=0.1, name_seconds=0.5)


@pytest.fixture
async def opened(behaviour: Behaviour) -> AsyncIterator[Opened]:
    port, answers = free_port(), Answers()
    async with (
        Issuer().serving() as issuer,
        serving(issuer, behaviour) as server,
        open_client(server.endpoint, None) as client,
        pushed_to(answers, port),
    ):
        yield Opened(server, client, answers, f"http://127.0.0.1:{port}/")


async def done(queue: FakeQueue, count: int) -> None:
    await until(lambda: len(queue.done) == count, f"{count} tasks")


async def test_a_task_is_pushed_with_its_headers_its_body_and_a_signed_token(opened: Opened) -> None:
    queue = opened.queue()
    created = await opened.create()
    await done(queue, 1)
    (scope,) = opened.answers.scopes
    assert (scope["method"], opened.answers.bodies) == ("POST", [b"hello"])
    assert (header(scope, b"x-own"), header(scope, b"user-agent")) == ("1", "Google-Cloud-Tasks")
    assert opened.answers.said("queuename") == ["q"]
    assert opened.answers.said("taskname") == [created.name.rpartition("/")[2]]
    assert opened.answers.said("taskretrycount") == ["0"]
    assert float(opened.answers.said("tasketa")[0] or 0) == pytest.approx(clock.time(), abs=5)
    token = (header(scope, b"authorization") or "").removeprefix("Bearer ")
    claims = jwt.decode(token, rsa_key(0).public_key(), ["RS256"], audience="https://w")
    assert (claims["email"], claims["email_verified"]) == ("a@p.example", True)


async def test_the_rate_of_a_queue_is_not_exceeded(opened: Opened) -> None:
    queue = opened.queue(RateLimits(max_dispatches_per_second=50))
    for _ in range(30):
        await opened.create()
    await done(queue, 30)
    times = sorted(entry.dispatched_at[0] for entry in queue.done)
    assert times[-1] - times[0] >= (30 - 5 - 1) / 50


async def test_no_more_tasks_than_permitted_are_pushed_at_once(opened: Opened) -> None:
    queue = opened.queue(RateLimits(max_concurrent_dispatches=3))
    opened.answers.seconds = 0.05
    for _ in range(12):
        await opened.create()
    await done(queue, 12)
    assert opened.answers.most == 3


async def test_a_scheduled_task_waits_for_its_time(opened: Opened) -> None:
    queue, now = opened.queue(), clock.monotonic()
    await opened.create(after=0.3)
    await done(queue, 1)
    assert queue.done[0].dispatched_at[0] - now >= 0.29


def test_backoff_doubles_then_grows_evenly_then_stays() -> None:
    config = RetryConfig(min_backoff=duration(10), max_backoff=duration(300), max_doublings=3)
    found = [backoff_seconds(config, failures) for failures in range(1, 9)]
    assert found == [10, 20, 40, 80, 160, 240, 300, 300]


async def test_a_failed_task_is_tried_again_with_growing_pauses(opened: Opened) -> None:
    queue = opened.queue(retries=quick(most=10, doublings=3))
    opened.answers.statuses = [500, 404, 301, 429]
    await opened.create()
    await done(queue, 1)
    pauses = [later - earlier for earlier, later in itertools.pairwise(queue.done[0].dispatched_at)]
    assert all(pause >= least for pause, least in zip(pauses, [0.05, 0.1, 0.2, 0.4], strict=True)), pauses
    assert opened.answers.said("taskretrycount") == ["0", "1", "2", "3", "4"]
    assert opened.answers.said("taskexecutioncount") == ["0", "0", "1", "2", "3"]
    assert opened.answers.said("taskpreviousresponse") == [None, "500", "404", "301", "429"]


async def test_retry_after_is_considered(opened: Opened) -> None:
    queue = opened.queue()
    opened.answers.statuses, opened.answers.retry_after = [429], b"1"
    await opened.create()
    await done(queue, 1)
    first, second = queue.done[0].dispatched_at
    assert second - first >= 1


async def test_a_task_is_given_up_after_its_last_attempt(opened: Opened) -> None:
    queue = opened.queue(retries=quick(attempts=3))
    opened.answers.statuses = [500] * 5
    await opened.create()
    await until(lambda: len(queue.dropped) == 1, "a task that is given up")
    assert len(queue.dropped[0].dispatched_at) == 3
    assert queue.entries == {}


@pytest.mark.parametrize(
    ("attempts", "seconds", "given_up"),
    [
        ((3, 0), (3, 0), True),
        ((3, 0), (2, 99), False),
        ((3, 10), (3, 9), False),
        ((3, 10), (3, 10), True),
        ((-1, 0), (999, 999), False),
        ((-1, 10), (1, 10), True),
    ],
)
def test_a_task_is_given_up_when_both_limits_are_reached(
    attempts: tuple[int, float], seconds: tuple[int, float], given_up: bool
) -> None:
    config = RetryConfig(max_attempts=attempts[0], max_retry_duration=duration(attempts[1]))
    assert is_given_up(config, *seconds) is given_up


async def test_a_push_is_cut_at_its_deadline_and_counts_as_a_failure(opened: Opened) -> None:
    queue = opened.queue()
    opened.answers.seconds = 0.5
    await opened.create(deadline=0.2)
    await until(lambda: any(entry.retries == 1 for entry in queue.entries.values()), "a failure")
    opened.answers.seconds = 0.0
    await done(queue, 1)
    assert opened.answers.said("taskexecutioncount")[-1] == "0"


@pytest.mark.parametrize("deadline", [0.05, 1801.0])
async def test_a_deadline_out_of_bounds_is_refused(opened: Opened, deadline: float) -> None:
    opened.queue()
    with pytest.raises(InvalidArgument, match="dispatchDeadline"):
        await opened.create(deadline=deadline)


async def test_a_time_too_far_ahead_is_refused(opened: Opened) -> None:
    opened.queue()
    with pytest.raises(InvalidArgument, match="scheduleTime"):
        await opened.create(after=31 * 86400)


async def test_a_name_is_taken_once_also_for_a_while_after_its_task(opened: Opened) -> None:
    queue = opened.queue()
    queue.set_state(Queue.State.PAUSED)
    await opened.create("twin")
    with pytest.raises(AlreadyExists):
        await opened.create("twin")
    await opened.client.delete_task(name=f"{PATH}/tasks/twin")
    with pytest.raises(AlreadyExists):
        await opened.create("twin")
    await until(lambda: not queue.knows(f"{PATH}/tasks/twin"), "a name that is free again")
    await opened.create("twin")


async def test_a_paused_queue_keeps_its_tasks(opened: Opened) -> None:
    queue = opened.queue()
    assert (await opened.client.pause_queue(name=PATH)).state == Queue.State.PAUSED
    await opened.create()
    await hold(0.2)
    assert (opened.answers.scopes, len(queue.entries)) == ([], 1)
    await opened.client.resume_queue(name=PATH)
    await done(queue, 1)


MISSING: dict[str, Callable[[Opened], object]] = {
    "create": lambda opened: opened.create(),
    "get": lambda opened: opened.client.get_queue(name=PATH),
    "delete": lambda opened: opened.client.delete_task(name=f"{PATH}/tasks/x"),
}


@pytest.mark.parametrize("call", MISSING)
async def test_a_queue_that_is_missing_is_not_found(opened: Opened, call: str) -> None:
    with pytest.raises(NotFound):
        await MISSING[call](opened)  # pyright: ignore[reportGeneralTypeIssues] - each is awaitable


async def test_a_queue_is_made_with_googles_defaults_and_once(opened: Opened) -> None:
    parent = PATH.partition("/queues/")[0]
    made = await opened.client.create_queue(parent=parent, queue=Queue(name=PATH))
    found = await opened.client.get_queue(name=PATH)
    assert found == made
    assert (found.rate_limits.max_dispatches_per_second, found.retry_config.max_attempts) == (500, 100)
    with pytest.raises(GoogleAPICallError):
        await opened.client.create_queue(parent=parent, queue=Queue(name=PATH))


@pytest.mark.parametrize("behaviour", [Behaviour(burst=5, throttles=True, least_deadline_seconds=0.1)])
async def test_a_worker_that_is_too_busy_slows_its_queue_down(opened: Opened) -> None:
    queue = opened.queue(RateLimits(max_dispatches_per_second=200))
    opened.answers.statuses = [429, 503, 429]
    for _ in range(3):
        await opened.create()
    await done(queue, 3)
    assert queue.least_share <= 0.25
    assert queue.share > queue.least_share
