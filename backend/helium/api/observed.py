"""What is said of each request, an event stream's too: its time, one line, one span."""

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import cast

from helium.api.routes import RouteTemplates
from helium.kit import trace
from helium.kit.asgi import Message, Receive, Scope, Send, closed, direct, header
from helium.kit.logs import say
from helium.kit.metrics.instruments import REGISTRY, REQUEST_SECONDS, ROUTE

App = Callable[[Scope, Receive, Send], Awaitable[None]]
LEFT = 499
"""The client went away before its answer was complete: nobody's failure."""
QUIET = ("/api/health", "/api/ready")
"""Asked every few seconds by machines: only what goes wrong is worth a line."""
_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")


class Observed:
    """Measures every request by route template, so that no client can make up routes, and names its route
    for all within. What it sees is what the client saw.

    Pure ASGI, and one middleware instead of three: each costs every request a few microseconds. A client's
    departure is no error, and context variables stay as they are.
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
        watch = _Watch(scope, route, receive, send)
        with self._span(scope, watch) as span:
            try:
                await self._app(scope, watch.receive, watch)
            finally:
                watch.measure()
                status = watch.status_of(scope)
                span.note(status=status, route=route, body_bytes=watch.body_bytes)
                if status >= 500:
                    span.fail(str(status))
                if status >= 400 or scope["path"] not in QUIET:
                    watch.tell(status)

    def _span(self, scope: Scope, watch: "_Watch") -> trace.Span:
        if scope["path"] in QUIET or not trace.enabled():
            return trace.NO_SPAN
        caller = trace.parse_traceparent(header(scope, b"traceparent"))
        return trace.span(
            "request", caller=caller, method=watch.known_method, request_id=scope.get("request_id")
        )


class _Watch:
    """What passes between the application and the client."""

    __slots__ = (
        "_began_at",
        "_beyond",
        "_complete",
        "_left",
        "_measured",
        "_method",
        "_receive",
        "_route",
        "_scope",
        "_send",
        "_status",
        "_streams",
        "body_bytes",
    )

    def __init__(self, scope: Scope, route: str, receive: Receive, send: Send) -> None:
        self._began_at = time.monotonic()
        self._scope = scope
        self._method: str = scope["method"]
        self._route = route
        self._status: int | None = None
        self.body_bytes = 0
        self._complete = False
        self._streams = False
        self._left = False
        self._measured = False
        self._receive = receive
        self._send = send
        self._beyond = direct(send)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._complete:
            self._left = True
            if self._status is None:
                self.measure()  # the answer has not begun, and never will
        return message

    def __call__(self, message: Message) -> Awaitable[None]:
        # Not a coroutine: that would cost one more for each part of each stream.
        if message["type"] == "http.response.body":
            self.body_bytes += len(message.get("body", b""))
            if message.get("more_body", False):
                self._streams = True
            else:
                # A server takes a stream's bytes without complaint when its client has left.
                self._left = self._left or (self._streams and self._gone())
                self._complete = True
        elif message["type"] == "http.response.start":
            self._status = message["status"]
            if _STREAM in message["headers"]:
                self.measure()
        return self._send(message)

    def _gone(self) -> bool:
        gone = closed(self._scope)
        return _has_left(self._receive) if gone is None else gone

    def direct(self, message: Message) -> Awaitable[None]:
        """A part of a stream that is neither its first nor its last."""
        self.body_bytes += len(message["body"])
        return self._beyond(message)

    def measure(self) -> None:
        """Count the time so far, once. A stream of events counts as answered when it begins: how long
        people watch is no latency."""
        if not self._measured:
            self._measured = True
            status = str(LEFT if self._status is None else self._status)
            taken = time.monotonic() - self._began_at
            REQUEST_SECONDS.of(self._method, self._route, status).observe(taken)

    def status_of(self, scope: Scope) -> int:
        """The status as it is told: 499 for a client that left, 500 for a stream that broke off."""
        if self._complete and self._status is not None:
            return LEFT if self._left else self._status
        return LEFT if self._left or scope.get("client_left") else 500

    def tell(self, status: int) -> None:
        say(
            "request.ended",
            method=self.known_method,
            route=self._route,
            status=status,
            seconds=round(time.monotonic() - self._began_at, 4),
            body_bytes=self.body_bytes,
        )

    @property
    def known_method(self) -> str:
        """The method; `_OTHER` for one that somebody invented."""
        return self._method if self._method in _METHODS else "_OTHER"


def _has_left(receive: Receive) -> bool:
    """Whether the client has left, for a server that does not say; asked without waiting and without the
    event loop: a step into `receive` costs some µs, a time-out of 0 s ten times that."""
    for _ in range(3):  # the request's own body may come first
        asking = cast("Coroutine[None, None, Message]", receive())
        try:
            asking.send(None)
        except StopIteration as answer:
            if answer.value["type"] == "http.disconnect":
                return True
        else:
            return False
        finally:
            asking.close()
    return False


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
