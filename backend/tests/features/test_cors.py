"""A page of another host may ask if its origin is named; its browser is told so on every kind of answer."""

from collections.abc import AsyncIterator

import httpx
import pytest

from helium.api.app import build_app
from helium.api.cors import PREFLIGHT, Cors
from helium.api.page import Page
from helium.bootstrap import Helium
from helium.kit.asgi import Message, Receive, Scope, Send, send_chunk, start_stream
from tests.features.conftest import client_of_new_workspace
from tests.features.events import parse_events

PAGE = "https://app.example.com"
STRANGER = "https://app.example.com.evil.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
ALLOWED = "access-control-allow-origin"


def asking(app: Cors, origin: str | None = PAGE) -> httpx.AsyncClient:
    headers = {} if origin is None else {"Origin": origin}
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(transport=transport, base_url="http://helium", headers=headers)


async def two_parts(scope: Scope, receive: Receive, send: Send) -> None:
    await start_stream(send)
    await send_chunk(send, b"data: 1\n\n")
    await send_chunk(send, b"data: 2\n\n", last=True)


async def test_an_allowed_origin_may_read_a_stream_and_two_headers_but_no_cookie_is_permitted() -> None:
    async with asking(Cors(two_parts, (PAGE, "https://other.example.com"))) as http:
        answer = await http.get("/v1/runs/run_1/events")

    assert answer.text == "data: 1\n\ndata: 2\n\n"
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert {name: value for name, value in answer.headers.items() if "access-control" in name} == {
        "access-control-allow-origin": PAGE,
        "access-control-expose-headers": "x-request-id, retry-after",
    }
    assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize("origin", [STRANGER, "null", "http://app.example.com", None])
async def test_another_origin_may_read_nothing_and_no_cache_gives_it_the_answer_of_an_allowed_one(
    origin: str | None,
) -> None:
    async with asking(Cors(two_parts, (PAGE,)), origin) as http:
        answer = await http.get("/v1/threads")

    assert [name for name in answer.headers if "access-control" in name] == []
    assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize("path", ["/", "/_next/static/a.js", "/metrics", "/api/health", "/internal/tasks"])
async def test_what_pages_do_not_ask_for_is_as_it_was(path: str) -> None:
    async with asking(Cors(two_parts, (PAGE,))) as http:
        answer = await http.get(path)

    assert [name for name in answer.headers if "access-control" in name or name == "vary"] == []


async def test_an_answer_keeps_what_it_varies_by_and_its_parts_pass_unchanged() -> None:
    sent: list[Message] = []
    part: Message = {"type": "http.response.body", "body": b"1", "more_body": True}

    async def varying(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": ((b"vary", b"accept"),)})
        await send(part)

    async def take(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "path": "/v1/x", "method": "GET", "headers": []}
    await Cors(varying, (PAGE,))(scope, take, take)  # pyright: ignore[reportArgumentType]

    assert sent[0]["headers"] == [(b"vary", b"accept"), (b"vary", b"origin")]
    assert sent[1] is part


@pytest.fixture
async def page(helium: Helium, request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """The page of another host, with a key, at a process of the role that the test is given."""
    role = getattr(request, "param", "all")
    app = build_app(helium.product, Page(None), role=role, origins=(PAGE,))
    async with await client_of_new_workspace(helium) as known:
        transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]
        headers = {"Authorization": known.headers["authorization"], "Origin": PAGE}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as http:
            yield http


@pytest.mark.postgres
@pytest.mark.parametrize("page", ["all", "api", "stream"], indirect=True)
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/responses", "/v1/runs/run_1/events"])
async def test_a_preflight_needs_no_token_and_says_what_a_page_may_send(
    page: httpx.AsyncClient, path: str
) -> None:
    del page.headers["authorization"]
    answer = await page.options(path, headers=ASKS)

    assert (answer.status_code, answer.content, answer.headers[ALLOWED]) == (204, b"", PAGE)
    assert {(name.encode(), answer.headers[name].encode()) for name, _ in named(PREFLIGHT)} == set(
        PREFLIGHT
    )
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-request-id"]


def named(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in headers]


@pytest.mark.postgres
async def test_a_preflight_of_another_origin_is_permitted_nothing(page: httpx.AsyncClient) -> None:
    answer = await page.options("/v1/runs", headers={**ASKS, "Origin": STRANGER})

    assert answer.status_code == 405
    assert [name for name in answer.headers if "access-control" in name] == []


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/v1/threads", "hel_x", 401),
        ("/v1/threads/thr_x", None, 404),
        ("/v1/runs?limit=x", None, 422),
        ("/v1/runs/run_x/events", "hel_x", 401),
        ("/v1/runs/run_x/events", None, 404),
    ],
)
async def test_a_page_can_read_what_went_wrong(
    page: httpx.AsyncClient, path: str, token: str | None, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await page.get(path, headers=headers)

    assert (answer.status_code, answer.headers[ALLOWED]) == (status, PAGE)
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.postgres
async def test_a_page_of_another_host_reads_a_run_to_its_end(
    page: httpx.AsyncClient, helium: Helium
) -> None:
    run = (await page.post("/v1/runs", json={"input": "calculate 6 * 7"})).json()
    streams = build_app(helium.product, Page(None), role="stream", origins=(PAGE,))
    transport = httpx.ASGITransport(streams)  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url="http://s", headers=page.headers) as http:
        answer = await http.get(f"/v1/runs/{run['id']}/events", headers={"Last-Event-ID": "1"}, timeout=20)

    assert answer.headers[ALLOWED] == PAGE
    events = parse_events(answer.text)
    assert (events[0]["seq"], events[-1]["type"]) == (2, "run.completed")


@pytest.mark.postgres
async def test_where_no_origin_is_named_nothing_is_added(helium: Helium, client: httpx.AsyncClient) -> None:
    preflight = await client.options("/v1/threads", headers={**ASKS, "Origin": PAGE})
    answer = await client.get("/v1/threads", headers={"Origin": PAGE})

    assert (preflight.status_code, answer.status_code) == (405, 200)
    assert [n for n in (*preflight.headers, *answer.headers) if "access-control" in n or n == "vary"] == []


@pytest.mark.postgres
async def test_pages_may_use_every_method_that_the_api_has(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/v1/openapi.json")).json()["paths"]
    used = {method.upper() for path in paths.values() for method in path}

    assert len(used) > 1
    assert used <= set(dict(named(PREFLIGHT))["access-control-allow-methods"].split(", "))
