"""`/metrics`, for those who may read it."""

import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any, Literal

from helium.core.errors import Forbidden, MethodNotAllowed, NotFound, Unauthenticated
from helium.kit.asgi import Receive, Scope, Send, header, send_json

Text = Callable[[str], Awaitable[tuple[bytes, str]]]
Guard = Literal["open", "loopback", "token", "closed"]
PATH = "/metrics"


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
