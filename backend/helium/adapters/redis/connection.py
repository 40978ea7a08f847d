"""The connection to Redis that a process has: opened without asking whether Redis is there."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError

from helium.adapters.redis.circuit import REDIS_ERRORS, Circuit, RedisAway
from helium.kit.clock import Clock, SystemClock

__all__ = ["REDIS_ERRORS", "Circuit", "RedisAway", "RedisConnection", "key", "open_redis"]

T = TypeVar("T")

_KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}
"""A dead peer of an idle connection is found in about 11 seconds, outside of any call. redis-py's own
health check would put a PING before a call; a connection that fails it has cost that call its time already.
"""


@dataclass(frozen=True, slots=True)
class RedisConnection:
    """The client, what this installation's keys begin with, and the circuit that its users share."""

    client: Redis
    prefix: str
    circuit: Circuit

    async def call(self, command: Callable[[], Awaitable[T]]) -> T:
        """`circuit.call`. Raises one of `REDIS_ERRORS`, at once while Redis is known to be away."""
        try:
            return await self.circuit.call(command)
        except ReadOnlyError:
            # The address leads to another server after a failover; these connections lead to the old one.
            await self.client.connection_pool.disconnect(inuse_connections=False)
            raise

    def key(self, first: str, *rest: str) -> str:
        return key(self.prefix, first, *rest)

    @property
    def encrypted(self) -> bool:
        return issubclass(self.client.connection_pool.connection_class, SSLConnection)


def key(prefix: str, first: str, *rest: str) -> str:
    """`prefix:{first}:rest…`.

    A Redis Cluster places a key by what stands in its first braces, so all keys with the same `first` are
    on one server, and one command or script may name several of them. Raises `ValueError` if `first` is
    empty or contains a brace: the braces would then enclose something else.
    """
    if not first or "{" in first or "}" in first:
        raise ValueError(f"not fit to place a key by: {first!r}")
    return ":".join((prefix, f"{{{first}}}", *rest))


@asynccontextmanager
async def open_redis(
    url: str,
    *,
    prefix: str = "helium",
    timeout_seconds: float = 1.0,
    ca_file: Path | None = None,
    max_connections: int = 50,
    clock: Clock | None = None,
) -> AsyncGenerator[RedisConnection]:
    """The Redis at `url`: `redis://`, `rediss://` (TLS) or `unix://`, with `user:password@` if needed.

    Connects when it is first called, so it opens while Redis is away too. A call fails after
    `timeout_seconds` and is not repeated. With `ca_file`, only the certificates in it are trusted, and the
    URL's own `ssl_…` options do not count. More than `max_connections` calls at once wait for each other.

    Raises `ValueError` for a URL of another kind, or a `ca_file` without TLS, and `OSError` (of which
    `ssl.SSLError` is one) if `ca_file` cannot be used.
    """
    pool = _pool(url, timeout_seconds, max_connections)
    await _prepare_tls(pool, ca_file)
    circuit = Circuit(clock or SystemClock(), timeout_seconds=timeout_seconds)
    async with Redis.from_pool(pool) as client:
        yield RedisConnection(client, prefix, circuit)


def _pool(url: str, timeout_seconds: float, max_connections: int) -> BlockingConnectionPool:
    try:
        return BlockingConnectionPool.from_url(
            url,
            max_connections=max_connections,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0, supported_errors=()),
            # RESP2 and no client name: nothing but AUTH and SELECT is sent by itself, which every user may.
            protocol=2,
            driver_info=None,
            **({} if url.startswith("unix:") else {"socket_keepalive_options": _KEEPALIVE}),
        )
    except ValueError:
        # The library's own sentence may quote a password: one with a slash is read as a port.
        raise ValueError(
            "The Redis URL cannot be read: it is `redis://`, `rediss://` or `unix://`, and in its password "
            "every sign but letters and digits is percent-encoded."
        ) from None


async def _prepare_tls(pool: BlockingConnectionPool, ca_file: Path | None) -> None:
    """One TLS context for all connections: redis-py makes one for each, 18 ms of the event loop's time."""
    if not issubclass(pool.connection_class, SSLConnection):
        if ca_file is not None:
            raise ValueError("A CA file is of use with a `rediss://` URL only.")
        return
    if ca_file is not None:
        context = await asyncio.to_thread(ssl.create_default_context, cafile=str(ca_file))
    else:
        context = await asyncio.to_thread(SSLConnection(**pool.connection_kwargs).ssl_context.get)

    class OneContext(SSLConnection):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.ssl_context.context = context

        async def disconnect(self, nowait: bool = False, *arguments: Any, **named: Any) -> None:
            """TLS says good-bye and waits for an answer; a frozen server gives none."""
            transport = None if self._writer is None else self._writer.transport
            await super().disconnect(True, *arguments, **named)
            if transport is not None:
                transport.abort()

    pool.connection_class = OneContext
