"""Answers for a page that another host serves: browsers let it read only what names its origin.

No cookie is used anywhere, so credentials are never permitted: a page has the token that a person gave it.
Starlette's own middleware costs a coroutine for each part of each stream; this one costs a call.
"""

from collections.abc import Awaitable

from helium.api.middleware import App
from helium.api.page_errors import PATH as PAGE_ERRORS
from helium.kit.asgi import Message, Receive, Scope, Send, header

VARY = (b"vary", b"origin")
"""Also for answers without an origin: a cache between must not give one page's answer to another."""
EXPOSED = (b"access-control-expose-headers", b"x-request-id, retry-after")
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, idempotency-key, last-event-id, x-request-id, traceparent",
    ),
    (b"access-control-max-age", b"7200"),
]
"""What a page may send; two hours are the longest that Chromium remembers it."""


class Cors:
    """Lets the pages of these origins, and no others, ask for what a page asks for."""

    def __init__(self, app: App, origins: tuple[str, ...]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _for_pages(scope["path"]):
            await self._app(scope, receive, send)
            return
        origin = header(scope, b"origin")
        headers = [VARY]
        if origin in self._origins:
            headers += [(b"access-control-allow-origin", origin.encode("latin-1"))]
            if _is_preflight(scope):
                headers += PREFLIGHT
                await send({"type": "http.response.start", "status": 204, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
            headers += [EXPOSED]

        # Not a coroutine: that would cost one more for each part of each stream.
        def send_with_origin(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            return send(message)

        await self._app(scope, receive, send_with_origin)


def _for_pages(path: str) -> bool:
    """Not the page's own files, and not what machines ask: metrics, health, a queue's pushes."""
    return path.startswith("/v1/") or path == PAGE_ERRORS


def _is_preflight(scope: Scope) -> bool:
    """A browser's question, sent without the token, whether it may ask."""
    return scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method") is not None
