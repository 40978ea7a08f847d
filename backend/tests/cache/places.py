"""Where a cache may keep its entries, with the powers that a test needs over each."""

from collections.abc import Sequence
from typing import Protocol

from helium.adapters.cache.json_cache import JsonCache
from helium.adapters.cache.memory import MemoryCache
from helium.adapters.cache.redis import RedisCache
from helium.adapters.redis.connection import RedisConnection
from helium.kit.clock import ManualClock


class Place(Protocol):
    clock: ManualClock
    near_seconds: float

    def front(self, *, jitter: float = 0.0) -> JsonCache:
        """A process's cache. Two of them share what the place holds."""
        ...

    async def age(self, seconds: float) -> None:
        """Let so much time pass for everything that is kept."""
        ...

    async def lose_tags(self) -> None:
        """Forget all versions of tags, as a full Redis may."""
        ...


class MemoryPlace:
    near_seconds = 0.0

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.backend = MemoryCache(self.clock)

    def front(self, *, jitter: float = 0.0) -> JsonCache:
        return JsonCache(self.backend, self.clock, near_seconds=0.0, jitter=jitter)

    async def age(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def lose_tags(self) -> None:
        for tag, _ in self.backend._versions.items():  # pyright: ignore[reportPrivateUsage]
            self.backend._versions.drop(tag)  # pyright: ignore[reportPrivateUsage]


class RedisPlace:
    def __init__(self, redis: RedisConnection, clock: ManualClock, near_seconds: float = 0.0) -> None:
        self.clock = clock
        self.near_seconds = near_seconds
        self.redis = redis

    def front(self, *, jitter: float = 0.0) -> JsonCache:
        backend = RedisCache(self.redis)
        return JsonCache(backend, self.clock, near_seconds=self.near_seconds, jitter=jitter)

    async def age(self, seconds: float) -> None:
        """Redis keeps its own time: each key is left as much less of it."""
        self.clock.advance(seconds)
        for name in await self.names():
            left = await self.redis.client.pttl(name)
            await self.redis.client.pexpire(name, max(left - int(seconds * 1000), 0))

    async def lose_tags(self) -> None:
        for name in await self.names("tag"):
            await self.redis.client.delete(name)

    async def names(self, kind: str = "*") -> Sequence[bytes | str]:
        return await self.redis.client.keys(self.redis.key("cache", kind, "*"))
