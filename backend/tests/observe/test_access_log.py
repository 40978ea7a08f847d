"""A line for each request: what was answered, on which route, how long and how much; never to what."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn
from structlog.testing import capture_logs
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from helium.api.app import ROUTERS, build_resources
from helium.api.middleware import Errors, RequestId
from helium.api.observed import Observed
from helium.api.routes import PAGE, RouteTemplates
from helium.cli.serve import Protocol
from helium.core.errors import NotFound
from helium.kit.asgi import ClientLeft, Message, Receive, Scope, Send, client_left, send_chunk, start_stream
from helium.kit.log_context import merge_ids
from helium.kit.metrics.registry import OTHER
from tests.support.processes import free_port, hold, until

App = Callable[[Scope, Receive, Send], Awaitable[None]]
TEMPLATES = RouteTemplates(getattr(route, "path", "") for router in ROUTERS for route in router.routes)


def wrapped(app: App) -> App:
    return RequestId(Observed(Errors(app), TEMPLATES))


async def ask(app: App, path: str = "/v1/runs/run_secret/events", **more: Any) -> dict[str, Any]:
    """The access line of one request."""
    transport = httpx.ASGITransport(wrapped(app), raise_app_exceptions=False)  # pyright: ignore[reportArgumentType]
    # httpx itself asserts that every answer is complete.
    with capture_logs([merge_ids]) as lines, suppress(AssertionError):
        async with httpx.AsyncClient(transport=transport, base_url="http://helium") as http:
            await http.request(more.pop("method", "GET"), path, **more)
    (line,) = [line for line in lines if line["event"] == "request.ended"]
    return {key: value for key, value in line.items() if key not in ("seconds", "log_level", "event")}


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await start_stream(send)
    await send_chunk(send, b"hello ")
    await send_chunk(send, b"you", last=True)


async def test_a_line_has_the_routes_template_and_not_the_address() -> None:
    line = await ask(hello, headers={"x-request-id": "req_12345678"})
    assert line == {
        "method": "GET",
        "route": "/v1/runs/{run_id}/events",
        "status": 200,
        "body_bytes": 9,
        "request_id": "req_12345678",
    }


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound("There is no such run.")


async def break_down(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("a defect")


async def break_off(scope: Scope, receive: Receive, send: Send) -> None:
    await hello(scope, receive, lambda message: send({**message, "more_body": True}))
    raise RuntimeError("a defect")


async def leave(scope: Scope, receive: Receive, send: Send) -> None:
    raise ClientLeft


@pytest.mark.parametrize(
    ("app", "status"), [(refuse, 404), (break_down, 500), (break_off, 500), (leave, 499)]
)
async def test_each_end_has_its_status(app: App, status: int) -> None:
    assert (await ask(app))["status"] == status


async def test_an_invented_method_is_not_repeated() -> None:
    assert (await ask(hello, method="CANARY"))["method"] == "_OTHER"


async def test_the_health_checks_are_silent_while_all_is_well() -> None:
    with pytest.raises(ValueError, match="unpack"):
        await ask(hello, "/api/health")
    assert (await ask(refuse, "/api/health"))["status"] == 404


@asynccontextmanager
async def served(app: App, http: type[asyncio.Protocol]) -> AsyncGenerator[int]:
    """The application behind a real server: its port."""
    port = free_port()
    config = uvicorn.Config(
        wrapped(app),  # pyright: ignore[reportArgumentType]
        port=port,
        log_config=None,
        lifespan="off",
        http=http,
        ws="none",
    )
    server = uvicorn.Server(config)
    serve = server._serve  # pyright: ignore[reportPrivateUsage] - without its signals
    task = asyncio.create_task(serve())
    try:
        await until(lambda: server.started, "the server listens")
        yield port
    finally:
        server.should_exit = True
        await task


@pytest.mark.parametrize("http", [Protocol, HttpToolsProtocol])
@pytest.mark.parametrize("notices", [True, False])
async def test_a_client_that_leaves_in_the_middle_is_499_and_no_error(
    notices: bool, http: type[asyncio.Protocol]
) -> None:
    """Whether the application looks for it at a heartbeat, or sends its stream to the end unawares; behind
    our server, which says whether a connection is closed, and behind one that does not."""
    begun, gone = asyncio.Event(), asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await start_stream(send)
        await send_chunk(send, b"first")
        begun.set()
        await gone.wait()
        if notices:
            await until(lambda: client_left(receive), "the departure is seen")
            return
        await send_chunk(send, b"and the rest", last=True)

    with capture_logs() as lines:
        async with served(stream, http) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /v1/responses/resp_1 HTTP/1.1\r\nHost: x\r\n\r\n")
            await begun.wait()
            writer.transport.abort()
            await hold(0.1)  # the server hears of it
            gone.set()
            await until(lambda: bool(lines), "the request's line")

    assert [(line["event"], line["status"]) for line in lines] == [("request.ended", 499)]


async def test_the_middleware_adds_no_task_and_no_wait_between_application_and_client() -> None:
    sent: list[Message] = []
    tasks: list[int] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        tasks.append(id(asyncio.current_task()))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def keep(message: Message) -> None:
        sent.append(message)

    async def never() -> Message:
        raise AssertionError("nobody asked")

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await Observed(application, TEMPLATES)(scope, never, keep)
    assert (len(sent), tasks) == (2, [id(asyncio.current_task())])


def test_every_documented_route_has_its_own_template() -> None:
    paths: dict[str, dict[str, Any]] = build_resources().openapi()["paths"]
    asked = {path: path.replace("{", "x").replace("}", "x") for path in paths}
    assert {path: TEMPLATES.of(address) for path, address in asked.items()} == {p: p for p in paths}


@pytest.mark.parametrize(
    ("path", "template"),
    [
        *(("/", PAGE), ("/_next/static/x.js", PAGE)),
        *(("/v1/canary", OTHER), ("/api/canary", OTHER), ("/chat", OTHER)),
        ("/api/page-errors", "/api/page-errors"),
    ],
)
def test_other_addresses_have_one_of_a_few_templates(path: str, template: str) -> None:
    assert TEMPLATES.of(path) == template
