"""Connecting to a database that restarts: a moment's wait instead of an error."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from helium.kit.clock import Clock

LOOK_SECONDS = 0.05
# What a connect meets while the server stops and starts: no socket, a refusal, "the database system is
# starting up", an end before the beginning (from a proxy or a pooler in front). Nothing was asked of it
# yet, so that connecting again is safe.
RESTARTING = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)
Connect = Callable[..., Awaitable[Any]]


class PatientConnect:
    """Connects for a pool. In the first `seconds` of an outage it tries again and again; after that it
    fails at once, until the server is back, so that nobody stands in line for an outage that lasts."""

    def __init__(self, connect: Connect, clock: Clock, seconds: float) -> None:
        self._connect = connect
        self._clock = clock
        self.seconds = seconds
        self._away_since: float | None = None

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        while True:
            try:
                connection = await self._connect(*arguments, **named)
            except RESTARTING:
                now = self._clock.monotonic()
                if self._away_since is None:
                    self._away_since = now
                if now - self._away_since >= self.seconds:
                    raise
                await self._clock.sleep(LOOK_SECONDS)
            else:
                self._away_since = None
                return connection
