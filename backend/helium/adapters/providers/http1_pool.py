"""Connections to many servers, kept while they may be of use, and never used when they are stale."""

import asyncio
import ssl
from functools import partial

from helium.adapters.providers.http1 import Connection, Response, Unanswered
from helium.adapters.providers.http1_dial import Dialer
from helium.adapters.providers.http1_route import Origin, Route

IDLE_SECONDS = 30.0
"""How long an unused connection is kept; servers close theirs after 60 s or more."""


class Pool:
    """Sends requests over as many connections as they need, and reuses the one used last.

    That one is the likeliest to be alive, and the others grow old enough to be closed.
    """

    def __init__(
        self,
        *,
        connect_seconds: float = 10.0,
        idle_seconds: float = IDLE_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._dialer = Dialer(seconds=connect_seconds, tls=tls)
        self._idle_seconds = idle_seconds
        self._idle: dict[Origin, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def post(self, route: Route, head: bytes, body: bytes) -> Response:
        """Send a request; when this returns, its answer's head has come. The caller releases it.

        `head` begins with what `route.post_head` gives and ends with an empty line. Raises
        `NotConnected`, `Broken`, or the `OSError` that kept us from connecting. A kept connection that
        the server closes before it answers is replaced by a new one, once.
        """
        kept = self._take(route.origin)
        if kept is not None:
            try:
                return await kept.exchange(head, body)
            except Unanswered:
                pass
        make = partial(Connection, partial(self._keep, route.origin))
        connection = await self._dialer.dial(route.origin, make)
        return await connection.exchange(head, body)

    async def aclose(self) -> None:
        """Close the connections that nobody uses; the others are closed when they are released."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _take(self, origin: Origin) -> Connection | None:
        connections = self._idle.get(origin)
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        while connections:
            connection = connections.pop()
            if not connection.closed and connection.idle_since >= oldest:
                return connection
            connection.close()
        return None

    def _keep(self, origin: Origin, connection: Connection) -> None:
        if self._closed:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(origin, []).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._close_idle)

    def _close_idle(self) -> None:
        """Close what nobody used for long, so that nothing stays open when nobody asks any more."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_seconds
        kept: dict[Origin, list[Connection]] = {}
        for origin, connections in self._idle.items():
            for connection in connections:
                if connection.closed or connection.idle_since <= oldest:
                    connection.close()
                else:
                    kept.setdefault(origin, []).append(connection)
        self._idle = kept
        self._sweep = loop.call_later(self._idle_seconds, self._close_idle) if self._idle else None
