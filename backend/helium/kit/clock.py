"""The one place where time is read and waited for. Tests pass a clock of their own."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""
        ...

    def time(self) -> float:
        """Seconds since 1970, for showing; never for leases (those use the database's clock)."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - the one place


class ManualClock:
    """A clock that stands still until `advance`; sleepers wake in order."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)  # noqa: TID251 - the one place
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + seconds, waiter))
        await waiter

    def advance(self, seconds: float) -> None:
        """Move the clock; everyone whose time has come wakes."""
        self._now += seconds
        due = [pair for pair in self._sleepers if pair[0] <= self._now]
        self._sleepers = [pair for pair in self._sleepers if pair[0] > self._now]
        for _, waiter in sorted(due, key=lambda pair: pair[0]):
            if not waiter.done():
                waiter.set_result(None)
