"""HTTP/1.1 as a client speaks it, made to be cheap: one connection, and the answer that comes on it.

Bytes that arrive are kept until somebody takes them all at once. Whoever waits is woken at most once
for each wait, and a reader that wants to rest is not woken by every chunk.
"""

import asyncio
from collections.abc import Callable

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD = 1 << 16
"""Bytes in a row that bring no body: headers, trailers, sizes of chunks."""
MAX_BUFFERED = 1 << 20
"""Bytes of a body that may wait for their reader before we stop reading from the socket."""
ONE_WRITE = 1 << 16
"""A request up to this size goes out as one piece; copying a larger one costs more than a second write."""
TOO_LONG = "the answer's headers are too long"


class Broken(Exception):
    """The connection ended before its answer did, or what came is no HTTP. Its text can be shown."""


class Unanswered(Broken):
    """The connection ended before the first byte of an answer."""


class Connection(asyncio.Protocol):
    """One connection to a server. It carries one request at a time."""

    __slots__ = ("_keep", "_parser", "_response", "_transport", "closed", "idle_since")

    def __init__(self, keep: Callable[["Connection"], None]) -> None:
        self._keep = keep
        self._transport: asyncio.Transport | None = None
        self._parser: HttpResponseParser | None = None
        self._response: Response | None = None
        self.closed = False
        self.idle_since = 0.0

    async def exchange(self, head: bytes, body: bytes) -> "Response":
        """Send a request and wait for the head of its answer.

        Raises `Broken`. Whatever it raises, the connection is closed.
        """
        transport = self._transport
        if self.closed or transport is None:
            raise Unanswered("the server closed the connection")
        response = self._response = Response(self)
        self._parser = response.parser = HttpResponseParser(response)
        if len(body) <= ONE_WRITE:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        try:
            await response.arrival()
            if not response.status:
                response.check()
        except BaseException:
            response.close()
            raise
        return response

    # uvloop's transports are no subclasses of `asyncio.Transport`, so this cannot be narrowed by asking.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        response, parser = self._response, self._parser
        if response is None or parser is None:
            self.close()  # nobody asked for this; what belongs to no request spoils the next one
            return
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            response.fail(Broken("what came is no HTTP/1.1 answer"))
        else:
            response.received(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._transport = None
        if self._response is not None:
            self._response.connection_lost(exc)

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def leave(self, *, reusable: bool) -> None:
        """The answer is done with: keep the connection for the next, or cut it off."""
        self._parser = self._response = None
        transport = self._transport
        if reusable and not self.closed and transport is not None and not transport.get_write_buffer_size():
            self._keep(self)
        else:
            self._end(at_once=True)

    def close(self) -> None:
        self._end(at_once=False)

    def _end(self, *, at_once: bool) -> None:
        self.closed = True
        transport = self._transport
        if transport is None:
            return
        # `close` would first send what is still unsent, and over TLS wait for the other side.
        if at_once:
            transport.abort()
        else:
            transport.close()


class Response:
    """The answer to one request. End it with `release` (or `close`); both may be called twice."""

    __slots__ = (
        "_chunks",
        "_connection",
        "_error",
        "_keep_alive",
        "_paused",
        "_resting",
        "_seen",
        "_silent_bytes",
        "_size",
        "_until_close",
        "_waiter",
        "ended",
        "headers",
        "on_body",
        "parser",
        "status",
    )

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self.parser: HttpResponseParser | None = None
        self._chunks: list[bytes] = []
        self.on_body = self._chunks.append
        """The parser calls this for every piece: no function of ours is cheaper."""
        self._seen = 0
        self._size = 0
        self._silent_bytes = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._resting = False
        self._error: Broken | None = None
        self._keep_alive = False
        self._until_close = False
        self.ended = False
        self.status = 0
        """0 until the head has come."""
        self.headers: dict[str, str] = {}
        """By their lower-case names; several of one name are joined by commas."""

    @property
    def over(self) -> bool:
        """Nothing more will arrive: the answer is complete or broken."""
        return self.ended or self._error is not None

    def at_eof(self) -> bool:
        """The answer came to its proper end, and all of it was read."""
        return self.ended and not self._chunks

    def read_nowait(self) -> bytes:
        """All that has come. Empty if there is nothing. Raises `Broken` after the last good byte."""
        chunks = self._chunks
        if not chunks:
            self.check()
            return b""
        data = b"".join(chunks)
        chunks.clear()
        self._seen = self._size = 0
        if self._paused and self._connection is not None:
            self._paused = False
            self._connection.resume()
        return data

    async def readany(self) -> bytes:
        """All that has come, at least one byte; empty at the end. Raises `Broken`."""
        if not self._chunks and not self.over:
            await self.arrival()
        return self.read_nowait()

    def arrival(self, *, rest: bool = False) -> "asyncio.Future[None]":
        """Done when bytes are here or the answer is over; only one can wait at a time.

        With `rest`, bytes do not count until `wake` is called; the end does.
        """
        waiter = asyncio.get_running_loop().create_future()
        if self.over or (self._chunks and not rest):
            waiter.set_result(None)
        else:
            self._waiter = waiter
            self._resting = rest
        return waiter

    def wake(self) -> None:
        """The rest is over: bytes that came in it, or the next ones, end the wait."""
        self._resting = False
        if self._chunks:
            self._notify()

    def check(self) -> None:
        """Raises `Broken` if the answer is."""
        if self._error is not None:
            raise self._error

    def release(self) -> None:
        """Give the connection back if the answer came to its end; otherwise close it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self.parser = None
            connection.leave(reusable=self.ended and self._keep_alive)

    def close(self) -> None:
        """Close the connection, whatever is still to come."""
        self._keep_alive = False
        self.release()

    def received(self, size: int) -> None:
        """So many bytes were given to the parser."""
        if len(self._chunks) == self._seen:
            self._silent_bytes += size
            if self._silent_bytes > MAX_HEAD:
                self.fail(Broken(TOO_LONG))
            return
        self._seen = len(self._chunks)
        self._silent_bytes = 0
        self._size += size
        if self._size > MAX_BUFFERED and not self._paused and self._connection is not None:
            self._paused = True
            self._connection.pause()
        if self._waiter is not None and not self._resting:
            self._notify()

    def fail(self, error: Broken) -> None:
        """Nothing good can come any more. A complete answer stays complete."""
        self._keep_alive = False
        if not self.ended and self._error is None:
            self._error = error
            self._notify()

    def connection_lost(self, error: Exception | None) -> None:
        if self.ended:
            return
        if self._until_close and error is None:
            self._end()
        elif self._silent_bytes or self.status:
            self.fail(Broken("the server closed it before the end of the answer"))
        else:
            self.fail(Unanswered("the server closed it without an answer"))

    def on_message_begin(self) -> None:
        if self.ended:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer: nobody asked for it
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self.headers.get(key)
        self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        parser = self.parser
        assert parser is not None
        status = parser.get_status_code()
        if status < 200:
            self.headers.clear()  # an interim answer: the real one follows
            return
        if sum(map(len, self.headers.values())) > MAX_HEAD:
            self.fail(Broken(TOO_LONG))
            raise ValueError(TOO_LONG)
        self.status = status
        self._keep_alive = parser.should_keep_alive()
        coded = "chunked" in self.headers.get("transfer-encoding", "").lower()
        self._until_close = not coded and "content-length" not in self.headers
        self._notify()

    def on_message_complete(self) -> None:
        if self.status:
            self._end()

    def _end(self) -> None:
        self.ended = True
        self._notify()

    def _notify(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
