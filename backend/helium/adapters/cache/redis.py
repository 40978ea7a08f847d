"""Entries in Redis, shared by all processes. Importing this costs what importing redis-py does."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from secrets import token_hex
from typing import Any, Literal, TypeVar

import structlog

from helium.adapters.cache.backend import TAG_SECONDS, CacheAway, Found
from helium.adapters.redis.connection import REDIS_ERRORS, RedisConnection

log = structlog.get_logger()
T = TypeVar("T")
_TAG_SECONDS = int(TAG_SECONDS)


class RedisCache:
    """A `Backend` whose keys are in one slot of a cluster, and whose time is the server's.

    The connection's circuit sees to it that a Redis that is away does not cost a timeout for each call. An
    outage is logged once at its beginning and once at its end.
    """

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis
        self._away = False

    async def read(self, key: str, tags: Sequence[str]) -> Found:
        # The time first: an entry that is replaced in between then seems older, never younger.
        pipe = self._redis.client.pipeline(transaction=False)
        pipe.pttl(self._name("entry", key))
        pipe.mget([self._name("entry", key), *(self._name("tag", tag) for tag in tags)])
        left, (value, *versions) = await self._call(pipe.execute)
        return Found(value, max(left, 0) / 1000, _known(tags, versions))

    async def write(self, key: str, value: bytes, seconds: float) -> None:
        milliseconds = max(int(seconds * 1000), 1)
        name = self._name("entry", key)
        await self._call(lambda: self._redis.client.set(name, value, px=milliseconds))

    async def delete(self, key: str) -> None:
        name = self._name("entry", key)
        await self._call(lambda: self._redis.client.delete(name))

    async def versions(self, tags: Sequence[str]) -> Mapping[str, str]:
        names = [self._name("tag", tag) for tag in tags]
        pipe = self._redis.client.pipeline(transaction=False)
        for name in names:
            pipe.set(name, token_hex(8), nx=True, ex=_TAG_SECONDS)
            pipe.expire(name, _TAG_SECONDS)
        pipe.mget(names)
        *_, versions = await self._call(pipe.execute)
        return _known(tags, versions)

    async def renew(self, tags: Sequence[str]) -> None:
        pipe = self._redis.client.pipeline(transaction=False)
        for tag in tags:
            pipe.set(self._name("tag", tag), token_hex(8), ex=_TAG_SECONDS)
        await self._call(pipe.execute)

    async def _call(self, command: Callable[[], Awaitable[T]]) -> T:
        try:
            result = await self._redis.call(command)
        except REDIS_ERRORS as error:
            if not self._away:
                log.warning("cache.failed", error=type(error).__name__)
            self._away = True
            raise CacheAway from error
        if self._away:
            self._away = False
            log.info("cache.back")
        return result

    def _name(self, kind: Literal["entry", "tag"], name: str) -> str:
        return self._redis.key("cache", kind, name)


def _known(tags: Sequence[str], versions: Sequence[Any]) -> dict[str, str]:
    return {
        tag: version.decode("latin-1")
        for tag, version in zip(tags, versions, strict=True)
        if version is not None
    }
