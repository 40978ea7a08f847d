"""Calls to Redis that fail at once while it is known to be away."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from helium.kit.clock import Clock

T = TypeVar("T")

REDIS_ERRORS: tuple[type[Exception], ...] = (RedisError, OSError)
"""What a call raises when Redis is away, loads, refuses, is read-only or full.

Redis names many refusals only in their text (`MISCONF`, `NOREPLICAS`, `BUSY`), so this is the library's
whole family. A `TimeoutError` of Python's own is an `OSError`.
"""

_AWAY = (RedisConnectionError, RedisTimeoutError, OSError)


class RedisAway(RedisConnectionError):
    """Not asked: another call has just found that Redis is away."""


class Circuit:
    """After a call that found Redis away, calls fail at once for `timeout_seconds`; then one call tries.

    So an outage costs one call per `timeout_seconds` the wait for it, and all others nothing. A Redis that
    answers with an error is not away.
    """

    def __init__(self, clock: Clock, *, timeout_seconds: float) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._away_until: float | None = None

    async def call(self, command: Callable[[], Awaitable[T]]) -> T:
        """The command's result, within `timeout_seconds`. Raises one of `REDIS_ERRORS`."""
        self._admit()
        try:
            with closed_transport_is_an_error():
                async with asyncio.timeout(self._timeout_seconds):
                    result = await command()
        except _AWAY:
            self._away_until = self._clock.monotonic() + self._timeout_seconds
            raise
        except RedisError:
            self._away_until = None
            raise
        self._away_until = None
        return result

    def _admit(self) -> None:
        if self._away_until is None:
            return
        now = self._clock.monotonic()
        if now < self._away_until:
            raise RedisAway("Redis was away a moment ago")
        # The others fail at once while this call tries, and after it too if it is cancelled.
        self._away_until = now + self._timeout_seconds


@contextmanager
def closed_transport_is_an_error() -> Generator[None]:
    """uvloop raises a bare `RuntimeError` for a write on a connection that was reset just before."""
    try:
        yield
    except RuntimeError as error:
        raise RedisConnectionError(str(error)) from error
