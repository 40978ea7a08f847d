"""The cache that callers see: a moment's memory in this process, then the backend, then the truth."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import structlog

from helium.adapters.cache.backend import Backend
from helium.adapters.cache.bounded import Bounded
from helium.adapters.cache.counts import CacheCounts, Outcome
from helium.adapters.cache.entry import Entry, encode, name_of
from helium.adapters.cache.flight import Flight, Plan
from helium.adapters.cache.shelf import Seen, Shelf, value_of
from helium.kit.clock import Clock

log = structlog.get_logger()
NAMESPACES = ("identity", "agents", "models", "jwks")
OTHER = "other"
MAX_BYTES = 1024 * 1024
"""An entry that is larger is given to its caller and not kept."""


class _Near(NamedTuple):
    value: Any
    outcome: Outcome
    tags: Collection[str]


class JsonCache:
    """`ports.Cache` over one backend, which may be shared with other processes.

    A key or tag begins with its namespace and a colon; what begins otherwise is counted as `other`.
    Values come back as JSON gives them, and are shared by those who ask: nobody changes them.
    An invalidation is seen here at once and in other processes after at most `near_seconds`; where it
    could not reach the backend, they go on until the value's TTL. A TTL is shortened by up to `jitter`
    of it at random, so that not all processes compute at one moment; it is never lengthened.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        *,
        namespaces: Collection[str] = NAMESPACES,
        near_seconds: float = 1.0,
        near_entries: int = 1_000,
        jitter: float = 0.1,
    ) -> None:
        self._shelf = Shelf(backend, clock)
        self._near: Bounded[_Near] = Bounded(clock, near_entries)
        self._near_seconds = near_seconds
        self._jitter = jitter
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changes = 0
        self._closed = False
        self._other = CacheCounts()
        self.counts = {**{name: CacheCounts() for name in namespaces}, OTHER: self._other}
        """By namespace."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End what is being computed. The backend's client stays open: it is its owner's."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def get(self, key: str) -> Any | None:
        counts = self._counts_of(key)
        near = self._near.get(key)
        if near is not None and near[0].outcome == "hit":
            counts.hits += 1
            return near[0].value
        changes = self._changes
        seen = await self._shelf.look(key, (), counts)
        if seen is None or seen.entry is None or seen.fresh_seconds <= 0:
            counts.misses += 1
            return None
        counts.hits += 1
        if changes == self._changes:
            self._remember(key, seen.entry, seen.fresh_seconds)
        return seen.entry.value

    async def set(self, key: str, value: Any, ttl_seconds: float, *, tags: Sequence[str] = ()) -> None:
        counts = self._counts_of(key)
        self._forget(key)
        versions = await self._shelf.versions([name_of(tag) for tag in tags], {}, counts)
        raw = encode(Entry(value, 0.0, dict(versions or {})))
        self._forget(key)
        if versions is not None and len(raw) <= MAX_BYTES and ttl_seconds > 0:
            await self._shelf.write(key, raw, self._shortened(ttl_seconds), counts)

    async def get_or_compute(
        self,
        key: str,
        compute: Callable[[], Awaitable[Any]],
        ttl_seconds: float,
        *,
        stale_seconds: float = 0.0,
        tags: Sequence[str] = (),
    ) -> Any:
        counts = self._counts_of(key)
        near = self._near.get(key)
        if near is not None:
            counts.count(near[0].outcome)
            return near[0].value
        flight = self._flights.get(key)
        if flight is None:
            if self._closed:
                return await compute()
            names = [name_of(tag) for tag in tags]
            flight = self._start(key, Plan(compute, ttl_seconds, stale_seconds, names))
        try:
            return await flight.answer()
        finally:
            counts.count(flight.outcome)

    async def delete(self, key: str) -> None:
        try:
            await self._shelf.delete(key, self._counts_of(key))
        finally:
            self._forget(key)

    async def invalidate(self, tag: str) -> None:
        name = name_of(tag)
        try:
            await self._shelf.invalidate(name, self._counts_of(tag))
        finally:
            # After the backend: what was looked up meanwhile may still have been the old value.
            self._forget_tag(name)

    def _start(self, key: str, plan: Plan) -> Flight:
        flight = self._flights[key] = Flight(plan)
        task = asyncio.create_task(self._fly(key, flight))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight

    async def _fly(self, key: str, flight: Flight) -> None:
        counts = self._counts_of(key)
        seen = None
        try:
            seen = await self._shelf.look(key, flight.plan.tags, counts)
            if seen is None or not self._answered(key, flight, seen):
                await self._compute(key, flight, seen, counts)
        except Exception as error:  # noqa: BLE001 - given to all who wait for it
            self._failed(key, flight, seen, error)
        finally:
            if self._is_current(key, flight):
                del self._flights[key]
            flight.end()

    def _answered(self, key: str, flight: Flight, seen: Seen) -> bool:
        """Give what was found. Whether nothing is left to do: it is not old."""
        if seen.entry is None:
            return False
        if seen.fresh_seconds <= 0:
            flight.give(seen.entry.value, "stale")
            return False
        flight.give(seen.entry.value, "hit")
        if self._is_current(key, flight):
            self._remember(key, seen.entry, seen.fresh_seconds)
        return True

    async def _compute(self, key: str, flight: Flight, seen: Seen | None, counts: CacheCounts) -> None:
        """Compute and keep, under the versions from before: an invalidation meanwhile is not lost."""
        plan = flight.plan
        versions = await self._shelf.versions(plan.tags, seen.versions, counts) if seen else None
        counts.computes += 1
        value = await plan.compute()
        raw = encode(Entry(value, plan.stale_seconds, dict(versions or {})))
        value = value_of(raw)
        if self._is_current(key, flight) and len(raw) <= MAX_BYTES and plan.ttl_seconds > 0:
            ttl_seconds = self._shortened(plan.ttl_seconds)
            self._near.put(key, _Near(value, "hit", plan.tags), min(ttl_seconds, self._near_seconds))
            if versions is not None:
                await self._shelf.write(key, raw, ttl_seconds + plan.stale_seconds, counts)
        flight.give(value, "miss")

    def _failed(self, key: str, flight: Flight, seen: Seen | None, error: Exception) -> None:
        """Tell those who wait; where they have the old value, give it a while longer before a next try."""
        if not flight.answered:
            flight.fail(error)
            return
        log.warning("cache.refresh_failed", namespace=self._namespace(key), error=type(error).__name__)
        if seen and seen.entry and self._is_current(key, flight):
            near = _Near(seen.entry.value, "stale", flight.plan.tags)
            self._near.put(key, near, min(seen.seconds_left, self._near_seconds))

    def _remember(self, key: str, entry: Entry, fresh_seconds: float) -> None:
        near = _Near(entry.value, "hit", entry.versions.keys())
        self._near.put(key, near, min(fresh_seconds, self._near_seconds))

    def _forget(self, key: str) -> None:
        self._near.drop(key)
        self._flights.pop(key, None)
        self._changes += 1

    def _forget_tag(self, name: str) -> None:
        for key, near in self._near.items():
            if name in near.tags:
                self._near.drop(key)
        for key, flight in list(self._flights.items()):
            if name in flight.plan.tags:
                del self._flights[key]
        self._changes += 1

    def _is_current(self, key: str, flight: Flight) -> bool:
        """Whether its value is still wanted: nothing was deleted, set or invalidated since it began."""
        return self._flights.get(key) is flight

    def _shortened(self, seconds: float) -> float:
        return seconds * (1 - self._jitter * random.random())

    def _namespace(self, key: str) -> str:
        name = key.partition(":")[0]
        return name if name in self.counts else OTHER

    def _counts_of(self, key: str) -> CacheCounts:
        return self.counts.get(key.partition(":")[0], self._other)
