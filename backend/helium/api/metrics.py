"""`/metrics`, and the time that requests take: by route template, so that no client can make up routes."""

import hmac
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any, Literal

from helium.api.routes import RouteTemplates
from helium.core.errors import Forbidden, MethodNotAllowed, NotFound, Unauthenticated
from helium.kit.asgi import Message, Receive, Scope, Send, direct, header, send_json
from helium.kit.metrics.instruments import REGISTRY, REQUEST_SECONDS, ROUTE

App = Callable[[Scope, Receive, Send], Awaitable[None]]
Text = Callable[[str], Awaitable[tuple[bytes, str]]]
Guard = Literal["open", "loopback", "token", "closed"]
PATH = "/metrics"
CLIENT_LEFT = "499"


def guard_of(*, production: bool, own_port: bool, has_token: bool) -> Guard:
    """Who may read metrics. They say nothing about one person, but much about the whole."""
    if has_token:
        return "token"
    if own_port:
        return "open"
    return "closed" if production else "loopback"


class MetricsRoute:
    """`GET /metrics` for those who may: `text` gives the body and its content type for an `Accept`."""

    def __init__(self, text: Text, guard: Guard, token: str = "") -> None:
        self._text = text
        self._guard = guard
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"].rstrip("/") != PATH:
            raise NotFound("Only /metrics is here.")
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed("This route answers GET and HEAD only.")
        self._check(scope)
        body, content_type = await self._text(header(scope, b"accept") or "")
        await send_json(send, 200, body, content_type=content_type.encode())

    def _check(self, scope: Scope) -> None:
        if self._guard == "closed":
            raise NotFound("Metrics are off: set HELIUM_METRICS__PORT or HELIUM_METRICS__TOKEN.")
        if self._guard == "loopback" and not _is_loopback(scope):
            raise Forbidden("Metrics are for this machine only: set HELIUM_METRICS__TOKEN.")
        if self._guard == "token":
            given = (header(scope, b"authorization") or "").encode()
            if not hmac.compare_digest(given, b"Bearer " + self._token):
                raise Unauthenticated("Send HELIUM_METRICS__TOKEN as a bearer token.")


async def shared_address(accept: str) -> tuple[bytes, str]:
    """In place of a process's metrics where several processes answer on one address: which of them
    answers is chance, and its counts are not those of all."""
    raise NotFound("Several processes share this address: set HELIUM_METRICS__PORT, and ask there.")


def _is_loopback(scope: Scope) -> bool:
    client: Any = scope.get("client")
    try:
        return client is None or ip_address(client[0]).is_loopback
    except ValueError:
        return False


class Measured:
    """Measures every request, and names its route for all within. The outermost middleware: what it sees is
    what the client saw.

    A stream of events counts as answered when it begins: how long people watch is no latency.
    """

    def __init__(self, app: App, templates: RouteTemplates) -> None:
        self._app = app
        self._templates = templates
        REGISTRY.allow(ROUTE, templates.names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = scope["route_template"] = self._templates.of(scope["path"])
        seen = _Seen(scope["method"], route, send)

        async def watched_receive() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                seen.left()
            return message

        try:
            await self._app(scope, watched_receive, seen)
        finally:
            seen.end()


class _Seen:
    """One request: when it came, and what became of it."""

    __slots__ = ("_method", "_observed", "_route", "_send", "_since", "_status", "direct")

    def __init__(self, method: str, route: str, send: Send) -> None:
        self._method, self._route, self._send = method, route, send
        self.direct = direct(send)
        self._since = time.perf_counter()
        self._status = CLIENT_LEFT
        self._observed = False

    def __call__(self, message: Message) -> Awaitable[None]:
        # Not a coroutine: that would cost one more for each part of each stream.
        if message["type"] == "http.response.start" and not self._observed:
            self._status = str(message["status"])
            if (b"content-type", b"text/event-stream; charset=utf-8") in message["headers"]:
                self.end()
        return self._send(message)

    def left(self) -> None:
        """The client is gone; if the answer had not begun, it never will."""
        if self._status == CLIENT_LEFT:
            self.end()

    def end(self) -> None:
        if not self._observed:
            self._observed = True
            taken = time.perf_counter() - self._since
            REQUEST_SECONDS.of(self._method, self._route, self._status).observe(taken)
