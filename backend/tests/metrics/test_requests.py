"""How requests are measured, and who may read `/metrics`."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from helium.api.metrics import Guard, MetricsRoute, guard_of, shared_address
from helium.api.observed import Observed
from helium.api.routes import RouteTemplates
from helium.core.errors import Forbidden, HeliumError, MethodNotAllowed, NotFound, Unauthenticated
from helium.kit.asgi import (
    STREAM_HEADERS,
    ClientLeft,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
    send_json,
    start_stream,
)
from helium.kit.metrics.instruments import REQUEST_SECONDS

TEMPLATES = RouteTemplates(["/v1/threads/{thread_id}"])
Program = Callable[[Scope, Receive, Send], Awaitable[None]]


async def _request(
    app: Program, method: str = "GET", path: str = "/v1/threads/thr_1", *, leaves: bool = False
) -> dict[tuple[str, ...], int]:
    """Send one request; what was counted for it, by labels."""
    before = {labels: child.count for labels, child in REQUEST_SECONDS.children.items()}
    came: list[Message] = [{"type": "http.disconnect"}] if leaves else [{"type": "http.request"}]

    async def receive() -> Message:
        return came.pop()

    async def send(message: Message) -> None:
        pass

    await Observed(app, TEMPLATES)({"type": "http", "method": method, "path": path}, receive, send)
    after = {labels: child.count for labels, child in REQUEST_SECONDS.children.items()}
    return {labels: n - before.get(labels, 0) for labels, n in after.items() if n != before.get(labels, 0)}


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await read_body(receive, 100)
    await send_json(send, 201, b"{}")


async def _swallow(scope: Scope, receive: Receive, send: Send) -> None:
    """As the middleware inside does when the client leaves: it answers nothing."""
    try:
        await read_body(receive, 100)
    except ClientLeft:
        return


async def _fail(scope: Scope, receive: Receive, send: Send) -> None:
    """As FastAPI does when the client leaves: it answers into the void."""
    message = await receive()
    await send_json(send, 500 if message["type"] == "http.disconnect" else 200, b"{}")


async def test_a_request_is_measured_by_method_template_and_status() -> None:
    assert await _request(_answer) == {("GET", "/v1/threads/{thread_id}", "201"): 1}
    assert await _request(_answer, "BREW", "/wp-login.php") == {("other", "other", "201"): 1}


@pytest.mark.parametrize("app", [_answer, _swallow, _fail])
async def test_a_client_that_left_before_the_answer_is_a_499(app: Program) -> None:
    try:
        counted = await _request(app, leaves=True)
    except ClientLeft:
        counted = await _request(_swallow, leaves=True)

    assert counted == {("GET", "/v1/threads/{thread_id}", "499"): 1}


async def test_a_stream_is_measured_when_it_begins_and_once() -> None:
    began, end = asyncio.Event(), asyncio.Event()
    counted: list[dict[tuple[str, ...], int]] = []

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await start_stream(send)
        began.set()
        await end.wait()

    asking = asyncio.create_task(_request(stream, leaves=True))
    await began.wait()
    child = REQUEST_SECONDS.of("GET", "/v1/threads/{thread_id}", "200")
    at_the_beginning = child.count
    end.set()
    counted.append(await asking)

    assert counted == [{("GET", "/v1/threads/{thread_id}", "200"): 1}]
    assert child.count == at_the_beginning
    assert (b"content-type", b"text/event-stream; charset=utf-8") in STREAM_HEADERS


@pytest.mark.parametrize(
    ("production", "own_port", "has_token", "guard"),
    [
        (False, False, False, "loopback"),
        (True, False, False, "closed"),
        (False, True, False, "open"),
        (True, True, False, "open"),
        (False, False, True, "token"),
        (True, False, True, "token"),
        (True, True, True, "token"),
    ],
)
def test_who_may_read_follows_from_the_settings(
    production: bool, own_port: bool, has_token: bool, guard: Guard
) -> None:
    assert guard_of(production=production, own_port=own_port, has_token=has_token) == guard


async def _text(accept: str) -> tuple[bytes, str]:
    return b"up 1\n", "text/plain"


async def _ask(
    guard: Guard, *, client: str = "127.0.0.1", authorization: bytes = b"", method: str = "GET"
) -> int:
    """The status of the answer, or of the error."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    headers = [(b"authorization", authorization)] if authorization else []
    scope: Scope = {"type": "http", "method": method, "path": "/metrics", "headers": headers}
    scope["client"] = (client, 5)
    try:
        await MetricsRoute(_text, guard, "secret")(scope, receive, send)
    except HeliumError as error:
        return error.status
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("guard", "client", "authorization", "status"),
    [
        ("open", "192.0.2.7", b"", 200),
        ("loopback", "127.0.0.1", b"", 200),
        ("loopback", "::1", b"", 200),
        ("loopback", "192.0.2.7", b"", Forbidden.status),
        ("loopback", "localhost", b"", Forbidden.status),
        ("closed", "127.0.0.1", b"Bearer secret", NotFound.status),
        ("token", "192.0.2.7", b"Bearer secret", 200),
        ("token", "127.0.0.1", b"", Unauthenticated.status),
        ("token", "127.0.0.1", b"Bearer secrets", Unauthenticated.status),
        ("token", "127.0.0.1", b"Bearer ", Unauthenticated.status),
        ("token", "127.0.0.1", "Bearer sécret".encode(), Unauthenticated.status),
    ],
)
async def test_guard_metrics_are_given_to_those_who_may_read_them(
    guard: Guard, client: str, authorization: bytes, status: int
) -> None:
    assert await _ask(guard, client=client, authorization=authorization) == status


async def test_metrics_are_read_and_not_written() -> None:
    assert await _ask("open", method="POST") == MethodNotAllowed.status


async def test_an_address_that_several_processes_share_gives_no_metrics_of_one() -> None:
    with pytest.raises(NotFound, match="HELIUM_METRICS__PORT"):
        await shared_address("")
