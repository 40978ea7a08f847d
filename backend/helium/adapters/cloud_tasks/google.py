"""`PushQueue` on Google's client. The only module that imports it; its errors end here."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import google.auth
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError, RetryError, ServiceUnavailable
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.tasks_v2 import (
    CloudTasksAsyncClient,
    CreateTaskRequest,
    HttpMethod,
    HttpRequest,
    OidcToken,
)
from google.cloud.tasks_v2 import Task as HttpTask
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from helium.adapters.cloud_tasks.queue import MOST_DELAY_SECONDS, Message, Place, QueueAway, Target
from helium.kit.clock import Clock

TRIES = 2
_SERVICE = "cloudtasks.googleapis.com"
_OPTIONS = [
    # A call waits for a connection until its own time-out: the first one after an outage is not lost.
    (
        "grpc.service_config",
        json.dumps({"methodConfig": [{"name": [{}], "waitForReady": True}]}),
    ),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
_AGAIN = (ServiceUnavailable, DeadlineExceeded)
_ERRORS = (GoogleAPICallError, RetryError, GoogleAuthError)


def find_credentials() -> Credentials:
    """What the environment gives this process. Blocks: it reads files, or asks the metadata server."""
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return credentials


@asynccontextmanager
async def open_client(
    endpoint: str, credentials: Credentials | None
) -> AsyncGenerator[CloudTasksAsyncClient]:
    """A client of Google's, or, with an endpoint, of the test server there."""
    channel = _channel(endpoint, credentials)
    try:
        yield await asyncio.to_thread(_client, channel)
    finally:
        await channel.close()


def _client(channel: aio.Channel) -> CloudTasksAsyncClient:
    """Blocks: it looks for certificates in files."""
    client = CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
    # It takes what Google's libraries say out of the logs: it would get to stderr raw, or nowhere.
    logging.getLogger("google").propagate = True
    return client


def _channel(endpoint: str, credentials: Credentials | None) -> aio.Channel:
    if endpoint:
        return aio.insecure_channel(endpoint, options=[*_OPTIONS, ("grpc.enable_http_proxy", 0)])
    return CloudTasksGrpcAsyncIOTransport.create_channel(
        _SERVICE, credentials=credentials, options=_OPTIONS
    )


class GoogleQueue:
    """A queue that pushes to one target.

    Tasks have no names. A name would make Google look for twins, which costs latency, and would block
    itself for up to 24 hours after its task; a run needs any number of rings.

    Args:
        seconds: the most that one `put` takes, its second try included.
    """

    def __init__(
        self, client: CloudTasksAsyncClient, place: Place, target: Target, clock: Clock, *, seconds: float
    ) -> None:
        self._client = client
        self._path = place.path()
        self._target = target
        self._clock = clock
        self._try_seconds = seconds / TRIES

    async def put(self, message: Message) -> None:
        request = CreateTaskRequest(parent=self._path, task=self._made(message))
        for attempt in range(1, TRIES + 1):
            try:
                await self._client.create_task(request=request, retry=None, timeout=self._try_seconds)
                return
            except _ERRORS as error:
                if attempt == TRIES or not isinstance(error, _AGAIN):
                    raise QueueAway(type(error).__name__) from error

    def _made(self, message: Message) -> HttpTask:
        target = self._target
        made = HttpTask(
            http_request=HttpRequest(
                url=target.address,
                http_method=HttpMethod.POST,
                headers={"Content-Type": "application/json", **message.headers},
                body=message.body,
                oidc_token=OidcToken(service_account_email=target.account, audience=target.url),
            ),
            dispatch_deadline=_duration(target.deadline_seconds),
        )
        if message.delay_seconds > 0:
            made.schedule_time = _time(self._clock.time() + min(message.delay_seconds, MOST_DELAY_SECONDS))
        return made


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(int(seconds * 1000))
    return duration


def _time(seconds: float) -> Timestamp:
    time = Timestamp()
    time.FromMicroseconds(int(seconds * 1_000_000))
    return time
