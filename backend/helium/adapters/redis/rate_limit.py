"""How many requests each key may send: counted by all processes together while Redis is there."""

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from helium.adapters.redis.circuit import REDIS_ERRORS
from helium.adapters.redis.connection import RedisConnection
from helium.core.errors import TooManyRequests
from helium.kit.clock import Clock

log = structlog.get_logger()


class RateLimit:
    """At most `requests` in each `window_seconds` for each key, the window moving along.

    Without Redis, or while it is away, each process counts for itself: a limit is then so many times higher
    as there are processes. An outage refuses nobody.
    """

    def __init__(
        self,
        requests: int,
        clock: Clock,
        *,
        redis: RedisConnection | None = None,
        window_seconds: int = 60,
    ) -> None:
        self._item = RateLimitItemPerSecond(requests, window_seconds, namespace="requests")
        self._clock = clock
        self._redis = redis
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = None if redis is None else SlidingWindowCounterRateLimiter(_storage(redis))
        self._away = False

    async def check(self, key: str) -> None:
        """Count one request of `key`: an id, not a secret, since it becomes part of a key in Redis.

        Raises `TooManyRequests` with the seconds after which one more is permitted. A refused request does
        not count.
        """
        wait_seconds = await self._ask(key)
        if wait_seconds is not None:
            raise TooManyRequests(
                f"More than {self._item.amount} requests in {self._item.get_expiry()} seconds: "
                "wait, and send fewer.",
                retry_after_seconds=wait_seconds,
            )

    async def _ask(self, key: str) -> float | None:
        """Seconds to wait, or None: go on."""
        shared = self._shared
        if self._redis is None or shared is None:
            return await self._hit(self._alone, key)
        try:
            wait_seconds = await self._redis.call(lambda: self._hit(shared, key))
        except REDIS_ERRORS as error:
            if not self._away:
                log.warning("rate_limit.alone", error=type(error).__name__)
            self._away = True
            return await self._hit(self._alone, key)
        if self._away:
            log.info("rate_limit.shared")
        self._away = False
        return wait_seconds

    async def _hit(self, limiter: SlidingWindowCounterRateLimiter, key: str) -> float | None:
        if await limiter.hit(self._item, key):
            return None
        free_at = (await limiter.get_window_stats(self._item, key)).reset_time
        # The library takes the time that is left of the window modulo the window, and so says "now" in
        # the very millisecond in which a window began.
        return _positive(free_at - self._clock.time(), self._item.get_expiry())


def _positive(seconds: float, window_seconds: float) -> float:
    return seconds if seconds > 0 else float(window_seconds)


def _storage(redis: RedisConnection) -> RedisStorage:
    """Counters in this Redis, over the connections that are there. The library makes its keys fit for a
    cluster by itself: `prefix:rate:{…}`."""
    return RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=f"{redis.prefix}:rate",
        connection_pool=redis.client.connection_pool,  # pyright: ignore[reportArgumentType] - declared narrower than documented
    )
