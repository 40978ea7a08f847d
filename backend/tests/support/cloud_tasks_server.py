"""Cloud Tasks on loopback: Google's gRPC service on Google's own messages, really pushing."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import grpc
from google.cloud.tasks_v2 import (
    CreateQueueRequest,
    CreateTaskRequest,
    DeleteTaskRequest,
    GetQueueRequest,
    ListTasksRequest,
    ListTasksResponse,
    PauseQueueRequest,
    Queue,
    ResumeQueueRequest,
)
from google.cloud.tasks_v2 import HttpMethod as Method
from google.cloud.tasks_v2 import Task as HttpTask
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from grpc import aio

from tests.cloud_tasks.fake_queue import PAUSED, Behaviour, Entry, FakeQueue, Outcome, clock, seconds_of
from tests.cloud_tasks.issuer import Issuer

SERVICE = "google.cloud.tasks.v2.CloudTasks"
MOST_DEADLINE_SECONDS, DEADLINE_SECONDS = 1800.0, 600.0
MOST_DELAY_SECONDS = 30 * 86400.0
Call = aio.ServicerContext[Any, Any]

# gRPC ends its thread with its last object, and waits for it: wherever the garbage collector happens to
# run then, in the middle of a loop. So in tests it never ends.
aio.init_grpc_aio()  # pyright: ignore[reportAttributeAccessIssue] - not in its stubs


class CloudTasksServer:
    """The service. `serving` makes one."""

    def __init__(self, issuer: Issuer, http: aiohttp.ClientSession, behaviour: Behaviour) -> None:
        self.issuer = issuer
        self.queues: dict[str, FakeQueue] = {}
        self.endpoint = ""
        self.most_at_once = 0
        """The most calls of CreateTask that were under way together."""
        self.failures: list[grpc.StatusCode] = []
        """What the next calls of CreateTask end with, in this order."""
        self.stuck: asyncio.Event | None = None
        """While set and not released, CreateTask does not answer."""
        self.created = 0
        self._under_way = 0
        self._http = http
        self._behaviour = behaviour
        self._server: aio.Server | None = None
        self._serving: list[asyncio.Task[None]] = []

    # The gRPC methods.

    async def create_queue(self, request: CreateQueueRequest, call: Call) -> Queue:
        queue = with_defaults(request.queue)
        if queue.name in self.queues:
            await call.abort(grpc.StatusCode.ALREADY_EXISTS, "Queue already exists")
        self.add_queue(queue)
        return queue

    async def get_queue(self, request: GetQueueRequest, call: Call) -> Queue:
        return (await self._found(request.name, call)).config

    async def pause_queue(self, request: PauseQueueRequest, call: Call) -> Queue:
        queue = await self._found(request.name, call)
        queue.set_state(PAUSED)
        return queue.config

    async def resume_queue(self, request: ResumeQueueRequest, call: Call) -> Queue:
        queue = await self._found(request.name, call)
        queue.set_state(Queue.State.RUNNING)
        return queue.config

    async def create_task(self, request: CreateTaskRequest, call: Call) -> HttpTask:
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            if self.stuck is not None:
                await self.stuck.wait()
            if self.failures:
                await call.abort(self.failures.pop(0), "as the test wishes")
            return await self._create(request, call)
        finally:
            self._under_way -= 1

    async def _create(self, request: CreateTaskRequest, call: Call) -> HttpTask:
        queue = await self._found(request.parent, call)
        task = request.task
        if wrong := self._wrong(task):
            await call.abort(grpc.StatusCode.INVALID_ARGUMENT, wrong)
        if task.name and queue.knows(task.name):
            await call.abort(grpc.StatusCode.ALREADY_EXISTS, "Requested entity already exists")
        task.name = task.name or f"{request.parent}/tasks/{uuid4().int % 10**20}"
        now = clock.time()
        self.created += 1
        queue.add(task, max(_scheduled(task), now))
        return task

    def _wrong(self, task: HttpTask) -> str:
        deadline = seconds_of(task.dispatch_deadline)
        if "dispatch_deadline" in task and not (
            self._behaviour.least_deadline_seconds <= deadline <= MOST_DEADLINE_SECONDS
        ):
            return "Task.dispatchDeadline must be between [15s, 30m]."
        late = _scheduled(task) > clock.time() + MOST_DELAY_SECONDS
        return "The Task.scheduleTime is too far in the future." if late else ""

    async def delete_task(self, request: DeleteTaskRequest, call: Call) -> Empty:
        queue = await self._found(request.name.rpartition("/tasks/")[0], call)
        if not queue.remove(request.name):
            await call.abort(grpc.StatusCode.NOT_FOUND, "Requested entity was not found.")
        return Empty()

    async def list_tasks(self, request: ListTasksRequest, call: Call) -> ListTasksResponse:
        queue = await self._found(request.parent, call)
        tasks = [HttpTask(entry.task) for entry in queue.entries.values()]
        if request.response_view != HttpTask.View.FULL:
            for task in tasks:
                task.http_request.body = b""
        return ListTasksResponse(tasks=tasks)

    async def _found(self, name: str, call: Call) -> FakeQueue:
        if name not in self.queues:
            await call.abort(grpc.StatusCode.NOT_FOUND, "Queue does not exist.")
        return self.queues[name]

    # The pushing.

    def add_queue(self, config: Queue) -> FakeQueue:
        queue = FakeQueue(with_defaults(config), self._behaviour, self._push)
        self.queues[config.name] = queue
        self._serving.append(asyncio.create_task(queue.serve()))
        return queue

    async def _push(self, entry: Entry) -> Outcome:
        request = entry.task.http_request
        deadline = seconds_of(entry.task.dispatch_deadline) or DEADLINE_SECONDS
        try:
            async with (
                asyncio.timeout(deadline),
                self._http.request(
                    Method(request.http_method or Method.POST).name,
                    request.url,
                    data=request.body,
                    headers=self._headers(entry),
                    allow_redirects=False,
                ) as answer,
            ):
                await answer.read()
                return Outcome(answer.status, float(answer.headers.get("Retry-After", 0)))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Outcome()

    def _headers(self, entry: Entry) -> dict[str, str]:
        request = entry.task.http_request
        queue, _, name = entry.task.name.partition("/tasks/")
        headers = {
            key: value
            for key, value in request.headers.items()
            if not key.lower().startswith("x-cloudtasks-")
        }
        headers |= {
            "User-Agent": "Google-Cloud-Tasks",
            "X-CloudTasks-QueueName": queue.rpartition("/")[2],
            "X-CloudTasks-TaskName": name,
            "X-CloudTasks-TaskRetryCount": str(entry.retries),
            "X-CloudTasks-TaskExecutionCount": str(entry.answered),
            "X-CloudTasks-TaskETA": f"{entry.due:.6f}",
        }
        if entry.previous is not None:
            headers["X-CloudTasks-TaskPreviousResponse"] = str(entry.previous)
        if token := request.oidc_token:
            signed = self.issuer.token(token.audience or request.url, token.service_account_email)
            headers["Authorization"] = f"Bearer {signed}"
        return headers

    # Its life.

    async def start(self) -> None:
        """Listen; at the same port as before, if it listened before."""
        self._server = aio.server(options=[("grpc.so_reuseport", 0)])
        methods = {name: _method(self, *shape) for name, shape in METHODS.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        port = self._server.add_insecure_port(self.endpoint or "127.0.0.1:0")
        self.endpoint = f"127.0.0.1:{port}"
        await self._server.start()

    async def stop(self) -> None:
        """Stop listening. What is in the queues stays, and is still pushed."""
        if self._server is not None:
            await self._server.stop(None)

    async def close(self) -> None:
        await self.stop()
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)


Shape = tuple[Callable[[CloudTasksServer, Any, Call], Awaitable[Any]], Any, Any]
METHODS: dict[str, Shape] = {
    "CreateQueue": (CloudTasksServer.create_queue, CreateQueueRequest.deserialize, Queue.serialize),
    "GetQueue": (CloudTasksServer.get_queue, GetQueueRequest.deserialize, Queue.serialize),
    "PauseQueue": (CloudTasksServer.pause_queue, PauseQueueRequest.deserialize, Queue.serialize),
    "ResumeQueue": (CloudTasksServer.resume_queue, ResumeQueueRequest.deserialize, Queue.serialize),
    "CreateTask": (CloudTasksServer.create_task, CreateTaskRequest.deserialize, HttpTask.serialize),
    "DeleteTask": (CloudTasksServer.delete_task, DeleteTaskRequest.deserialize, Empty.SerializeToString),
    "ListTasks": (
        CloudTasksServer.list_tasks,
        ListTasksRequest.deserialize,
        ListTasksResponse.serialize,
    ),
}


def _method(
    server: CloudTasksServer, call: Any, reads: Any, writes: Any
) -> "grpc.RpcMethodHandler[Any, Any]":
    return grpc.unary_unary_rpc_method_handler(call.__get__(server), reads, writes)


def _scheduled(task: HttpTask) -> float:
    """Unix time; 0 if the task is due at once."""
    return HttpTask.pb(task).schedule_time.ToMicroseconds() / 1_000_000


def duration(seconds: float) -> Duration:
    made = Duration()
    made.FromMilliseconds(int(seconds * 1000))
    return made


def with_defaults(config: Queue) -> Queue:
    """What Google takes where a queue does not say it."""
    queue = Queue(config)
    rates, retries = queue.rate_limits, queue.retry_config
    rates.max_dispatches_per_second = rates.max_dispatches_per_second or 500
    rates.max_concurrent_dispatches = rates.max_concurrent_dispatches or 1000
    retries.max_attempts = retries.max_attempts or 100
    if "min_backoff" not in retries:
        retries.min_backoff = duration(0.1)
    if "max_backoff" not in retries:
        retries.max_backoff = duration(3600)
    retries.max_doublings = retries.max_doublings or 16
    queue.state = queue.state or Queue.State.RUNNING
    return queue


@asynccontextmanager
async def serving(issuer: Issuer, behaviour: Behaviour | None = None) -> AsyncGenerator[CloudTasksServer]:
    """A server without queues, at `endpoint`, until the block ends."""
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        server = CloudTasksServer(issuer, http, behaviour or Behaviour())
        stack.push_async_callback(server.close)
        await server.start()
        yield server
