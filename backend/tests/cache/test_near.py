"""A moment's memory in front of the backend, and what is counted."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from helium.adapters.cache.backend import CacheAway, Found
from helium.adapters.cache.counts import CacheCounts
from helium.adapters.cache.json_cache import JsonCache
from helium.adapters.cache.memory import MemoryCache
from helium.kit.clock import ManualClock
from tests.support.processes import until


class Watched(MemoryCache):
    """Counts what it is asked, waits while it is held, fails while it is away."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.reads = 0
        self.away = False
        self.open = asyncio.Event()
        self.open.set()

    async def read(self, key: str, tags: Sequence[str]) -> Found:
        self.reads += 1
        self._check()
        found = await super().read(key, tags)
        await self.open.wait()
        return found

    async def versions(self, tags: Sequence[str]) -> Mapping[str, str]:
        self._check()
        return await super().versions(tags)

    async def write(self, key: str, value: bytes, seconds: float) -> None:
        self._check()
        await super().write(key, value, seconds)

    async def delete(self, key: str) -> None:
        self._check()
        await super().delete(key)

    async def renew(self, tags: Sequence[str]) -> None:
        self._check()
        await super().renew(tags)

    def _check(self) -> None:
        if self.away:
            raise CacheAway


async def one() -> int:
    return 1


async def two() -> int:
    return 2


async def test_a_second_look_within_a_moment_does_not_ask_the_backend() -> None:
    clock = ManualClock()
    backend = Watched(clock)
    cache = JsonCache(backend, clock, near_seconds=2)
    for _ in range(5):
        assert await cache.get_or_compute("agents:a", one, 10) == 1
        assert await cache.get("agents:a") == 1
    assert backend.reads == 1

    clock.advance(2)
    assert await cache.get_or_compute("agents:a", two, 10) == 1
    assert backend.reads == 2


async def test_a_moments_memory_does_not_outlive_the_entry() -> None:
    clock = ManualClock()
    backend = MemoryCache(clock)
    first, second = (JsonCache(backend, clock, near_seconds=5, jitter=0) for _ in range(2))
    await first.get_or_compute("agents:a", one, 10)
    clock.advance(9)
    assert await second.get("agents:a") == 1

    clock.advance(1)
    assert await second.get("agents:a") is None
    assert await second.get_or_compute("agents:a", two, 10) == 2


async def test_a_look_that_a_change_overtakes_is_not_remembered() -> None:
    clock = ManualClock()
    backend = Watched(clock)
    cache = JsonCache(backend, clock, near_seconds=5)
    await cache.set("agents:a", 1, 10, tags=["agents:1"])
    backend.open.clear()
    looking = asyncio.create_task(cache.get("agents:a"))
    await until(lambda: backend.reads == 1, "reading")
    await cache.delete("agents:a")
    backend.open.set()

    assert await looking == 1
    assert await cache.get("agents:a") is None


async def test_every_look_is_counted_once_under_a_name_of_ours() -> None:
    clock = ManualClock()
    cache = JsonCache(MemoryCache(clock), clock, near_seconds=1, jitter=0)
    assert cache.counts["models"].hit_rate == 0
    for age in (0, 0, 2, 9):
        clock.advance(age)
        await cache.get_or_compute("models:a", one, 10, stale_seconds=9)
    await cache.get("models:b")
    await cache.get("somebody's text: x")

    await until(lambda: cache.counts["models"].computes == 2, "the second computation")
    assert cache.counts["models"] == CacheCounts(hits=2, stale_hits=1, misses=2, computes=2)
    assert cache.counts["models"].hit_rate == 3 / 5
    assert cache.counts["other"] == CacheCounts(misses=1)
    assert set(cache.counts) == {"identity", "agents", "models", "jwks", "other"}


async def test_a_backend_that_is_away_is_a_miss_and_counted_as_a_failure() -> None:
    clock = ManualClock()
    backend = Watched(clock)
    cache = JsonCache(backend, clock, near_seconds=1)
    backend.away = True

    assert await cache.get("agents:a") is None
    assert await cache.get_or_compute("agents:b", one, 10, tags=["agents:1"]) == 1
    assert cache.counts["agents"] == CacheCounts(misses=2, failures=2, computes=1)
    # A moment's memory remains.
    assert await cache.get_or_compute("agents:b", two, 10, tags=["agents:1"]) == 1

    await cache.set("agents:c", 1, 10, tags=["agents:1"])
    await cache.delete("agents:c")
    await cache.invalidate("agents:1")
    assert cache.counts["agents"].failures == 5
    assert await cache.get_or_compute("agents:b", two, 10, tags=["agents:1"]) == 2


@pytest.mark.parametrize("way", ["get", "get_or_compute"])
async def test_an_invalidation_that_failed_is_made_up_for_before_an_entry_is_used(way: str) -> None:
    clock = ManualClock()
    backend = Watched(clock)
    cache, other = (JsonCache(backend, clock, near_seconds=0) for _ in range(2))
    await cache.get_or_compute("agents:a", one, 100, tags=["agents:1"])
    backend.away = True
    await cache.invalidate("agents:1")
    backend.away = False
    assert await other.get("agents:a") == 1

    if way == "get":
        assert await cache.get("agents:a") is None
    else:
        assert await cache.get_or_compute("agents:a", two, 100, tags=["agents:1"]) == 2
    assert await other.get("agents:a") == (None if way == "get" else 2)


async def test_a_new_value_that_cannot_be_had_is_not_tried_for_at_every_look() -> None:
    clock = ManualClock()
    cache = JsonCache(MemoryCache(clock), clock, near_seconds=1, jitter=0)
    await cache.get_or_compute("agents:a", one, 10, stale_seconds=60)
    clock.advance(10)
    tries = 0

    async def fail() -> int:
        nonlocal tries
        tries += 1
        raise ValueError

    for _ in range(2):
        for _ in range(5):
            assert await cache.get_or_compute("agents:a", fail, 10, stale_seconds=60) == 1
            await until(lambda: not cache._flights, "the end of the try")  # pyright: ignore[reportPrivateUsage]
        clock.advance(1)
    assert tries == 2
    assert cache.counts["agents"].stale_hits == 10
