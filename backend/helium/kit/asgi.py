"""The few lines of ASGI that the hot routes need: read a body, answer, stream events.

Event streams are raw ASGI because a framework's costs several times the CPU and the memory for each
viewer (measured: 0.15 ms against 0.8 to 2.3 ms for a POST and twelve events).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

STREAM_HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]


CONNECTION = "helium.connection"
"""The extension of a scope that knows its connection: `abort` cuts it, `closed` says whether it is."""


def direct(send: Send) -> Send:
    """Past the middleware that looks at an answer's beginning and end only: for the parts between."""
    return getattr(send, "direct", send)


def leads_to(within: Send, beyond: Send) -> Send:
    """The same `within`, whose `direct` is that of `beyond`."""
    setattr(within, "direct", direct(beyond))  # noqa: B010 - a function has no such attribute of its own
    return within


class BodyTooLarge(Exception):
    """The request's body is larger than the limit."""


class ClientLeft(Exception):
    """The client closed the connection. That is no error, and never a cancel."""


class ClientStalled(ClientLeft):
    """The client takes nothing any more, and its connection is to be cut."""


def abort(scope: Scope) -> None:
    """Cut the connection at once, with what is buffered for it. A server that closes in order waits for
    its buffer to be taken, and a client that is stalled never takes it."""
    extension: dict[str, Callable[[], object]] | None = scope.get("extensions", {}).get(CONNECTION)
    if extension is not None:
        extension["abort"]()


def closed(scope: Scope) -> bool | None:
    """Whether the connection is closed; None if the server does not say."""
    extension: dict[str, Callable[[], bool]] | None = scope.get("extensions", {}).get(CONNECTION)
    return None if extension is None else extension["closed"]()


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises `BodyTooLarge` as soon as it is over `limit` bytes, or `ClientLeft`."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body: bytes = message.get("body", b"")
        size += len(body)
        if size > limit:
            raise BodyTooLarge
        chunks.append(body)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def send_json(
    send: Send,
    status: int,
    body: bytes,
    *,
    content_type: bytes = b"application/json",
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """A whole answer."""
    start = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*start, *headers]})
    await send({"type": "http.response.body", "body": body})


async def start_stream(send: Send, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS, *headers]})


async def send_chunk(send: Send, chunk: bytes, *, last: bool = False) -> None:
    """Part of a stream. It waits while the client's buffer is full."""
    await send({"type": "http.response.body", "body": chunk, "more_body": not last})


async def client_left(receive: Receive) -> bool:
    """Whether the client has gone, without waiting for it. Call it at heartbeats."""
    try:
        async with asyncio.timeout(0):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return True
    except TimeoutError:
        return False
