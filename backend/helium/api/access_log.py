"""One line and one span for each request, at its end; an event stream's too."""

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import cast

import structlog

from helium.kit import trace
from helium.kit.asgi import Message, Receive, Scope, Send, direct, header

log = structlog.get_logger()
App = Callable[[Scope, Receive, Send], Awaitable[None]]
LEFT = 499
"""The client went away before its answer was complete: nobody's failure."""
QUIET = ("/api/health", "/api/ready")
"""Asked every few seconds by machines: only what goes wrong is worth a line."""


class AccessLog:
    """Pure ASGI, so that a client's departure is not an error and context variables stay as they are.

    `Measured`, further out, has named the route.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watch = _Watch(receive, send)
        if scope["path"] in QUIET:
            await self._app(scope, watch.receive, watch)
            if watch.status_of(scope) >= 400:
                self._say(scope, watch, watch.status_of(scope))
            return
        caller = trace.parse_traceparent(header(scope, b"traceparent"))
        facts = {"method": _method(scope), "request_id": scope.get("request_id")}
        with trace.span("request", caller=caller, **facts) as span:
            try:
                await self._app(scope, watch.receive, watch)
            finally:
                status = watch.status_of(scope)
                span.note(status=status, route=scope["route_template"], body_bytes=watch.body_bytes)
                if status >= 500:
                    span.fail(str(status))
                self._say(scope, watch, status)

    def _say(self, scope: Scope, watch: "_Watch", status: int) -> None:
        log.info(
            "request.ended",
            method=_method(scope),
            route=scope["route_template"],
            status=status,
            seconds=round(time.monotonic() - watch.began_at, 4),
            body_bytes=watch.body_bytes,
        )


class _Watch:
    """What passes between the application and the client."""

    __slots__ = (
        "_beyond",
        "_complete",
        "_left",
        "_receive",
        "_send",
        "_streams",
        "began_at",
        "body_bytes",
        "status",
    )

    def __init__(self, receive: Receive, send: Send) -> None:
        self.began_at = time.monotonic()
        self.status: int | None = None
        self.body_bytes = 0
        self._complete = False
        self._streams = False
        self._left = False
        self._receive = receive
        self._send = send
        self._beyond = direct(send)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._complete:
            self._left = True
        return message

    def __call__(self, message: Message) -> Awaitable[None]:
        # Not a coroutine: that would cost one more for each part of each stream.
        if message["type"] == "http.response.body":
            self.body_bytes += len(message.get("body", b""))
            if message.get("more_body", False):
                self._streams = True
            else:
                # A server takes a stream's bytes without complaint when its client has left.
                self._left = self._left or (self._streams and _gone(self._receive))
                self._complete = True
        elif message["type"] == "http.response.start":
            self.status = message["status"]
        return self._send(message)

    def direct(self, message: Message) -> Awaitable[None]:
        """A part of a stream that is neither its first nor its last."""
        self.body_bytes += len(message["body"])
        return self._beyond(message)

    def status_of(self, scope: Scope) -> int:
        """The status as it is counted: 499 for a client that left, 500 for a stream that broke off."""
        if self._complete and self.status is not None:
            return LEFT if self._left else self.status
        return LEFT if self._left or scope.get("client_left") else 500


def _gone(receive: Receive) -> bool:
    """Whether the client has left, asked without waiting and without the event loop: a step into
    `receive` costs 2 µs, a time-out of 0 s thirty times that."""
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


def _method(scope: Scope) -> str:
    """The method; `_OTHER` for one that somebody invented."""
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"
