"""What a process shares with the others, beside the database. All of it may be away (I7)."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from helium.adapters.blobs import ObjectBlobs, open_blobs
from helium.adapters.cache import JsonCache, MemoryCache
from helium.adapters.files import BlobFiles, LocalFiles
from helium.adapters.memory.bus import SilentBus
from helium.bootstrap.secrets import resolved
from helium.kit.clock import Clock
from helium.ports import Bus, FileStore
from helium.settings import Settings

if TYPE_CHECKING:
    from helium.adapters.redis.connection import RedisConnection
    from helium.adapters.redis.rate_limit import RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    redis: "RedisConnection | None"
    bus: Bus
    cache: JsonCache
    rate_limit: "RateLimit | None"
    blobs: ObjectBlobs
    files: FileStore
    work: list[Coroutine[None, None, None]] = field(default_factory=list[Coroutine[None, None, None]])
    """What must run while the process does."""


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock) -> AsyncGenerator[Services]:
    """Everything that is shared, closed at the end. Nothing is asked of any server yet."""
    async with AsyncExitStack() as stack:
        redis = await _redis(stack, settings, clock)
        work: list[Coroutine[None, None, None]] = []
        blobs = await asyncio.to_thread(_blobs, settings)
        yield Services(
            redis=redis,
            bus=_bus(redis, settings, clock, work),
            cache=await stack.enter_async_context(_cache(redis, clock)),
            rate_limit=_rate_limit(redis, settings, clock),
            blobs=blobs,
            files=BlobFiles(blobs) if settings.blobs.url else LocalFiles(settings.home / "files"),
            work=work,
        )


async def _redis(stack: AsyncExitStack, settings: Settings, clock: Clock) -> "RedisConnection | None":
    if settings.redis_url is None:
        return None
    from helium.adapters.redis.connection import open_redis  # who has no Redis does not pay for it

    return await stack.enter_async_context(
        open_redis(
            await redis_url(settings, clock),
            prefix=settings.redis.prefix,
            timeout_seconds=settings.redis.timeout_seconds,
            ca_file=settings.redis.ca_file,
            clock=clock,
        )
    )


async def redis_url(settings: Settings, clock: Clock) -> str:
    """The address of Redis, which may be kept as a secret elsewhere."""
    assert settings.redis_url is not None
    return await resolved(settings, clock, "HELIUM_REDIS_URL", settings.redis_url.get_secret_value())


def _bus(
    redis: "RedisConnection | None",
    settings: Settings,
    clock: Clock,
    work: list[Coroutine[None, None, None]],
) -> Bus:
    if redis is None:
        return SilentBus()
    from helium.adapters.redis.bus import RedisBus

    bus = RedisBus(redis, clock, timeout_seconds=settings.redis.timeout_seconds)
    work.append(bus.serve())
    return bus


def _cache(redis: "RedisConnection | None", clock: Clock) -> JsonCache:
    if redis is None:
        return JsonCache(MemoryCache(clock), clock)
    from helium.adapters.cache.redis import RedisCache

    return JsonCache(RedisCache(redis), clock)


def _rate_limit(redis: "RedisConnection | None", settings: Settings, clock: Clock) -> "RateLimit | None":
    per_minute = settings.limits.requests_per_minute
    if per_minute == 0:
        return None
    from helium.adapters.redis.rate_limit import RateLimit

    return RateLimit(per_minute, clock, redis=redis)


def _blobs(settings: Settings) -> ObjectBlobs:
    blobs = settings.blobs
    url = blobs.url or (settings.home / "blobs").as_uri()
    return open_blobs(url, endpoint=blobs.endpoint, region=blobs.region)
