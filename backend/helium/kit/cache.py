"""Values that are good for a short while, computed once however many ask at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from helium.kit.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ShortMemory(Generic[K, V]):
    """Remembers values for `seconds`, at most `entries` of them. Failures are not remembered."""

    def __init__(self, clock: Clock, *, seconds: float, entries: int = 10_000) -> None:
        self._clock = clock
        self._seconds = seconds
        self._entries = entries
        self._known: dict[K, tuple[asyncio.Future[V], float]] = {}

    async def get(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        """The value for this key: remembered, being computed by somebody else, or computed now."""
        known = self._known.get(key)
        if known is not None and self._clock.monotonic() < known[1]:
            future = known[0]
            return future.result() if future.done() else await asyncio.shield(future)
        if len(self._known) >= self._entries:
            self._known.clear()
        future = asyncio.ensure_future(compute())
        self._known[key] = (future, self._clock.monotonic() + self._seconds)
        try:
            return await asyncio.shield(future)
        except Exception:
            self.forget(key)
            raise

    def forget(self, key: K) -> None:
        self._known.pop(key, None)

    def clear(self) -> None:
        self._known.clear()
