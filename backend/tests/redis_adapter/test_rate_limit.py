"""The rate of one key's requests, shared by processes while Redis is there."""

from uuid import uuid4

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from helium.adapters.redis.connection import open_redis
from helium.adapters.redis.rate_limit import RateLimit
from helium.core.errors import TooManyRequests
from helium.kit.clock import SystemClock
from tests.support.processes import hold
from tests.support.redis_server import RedisServer

clock = SystemClock()
DAY = 24 * 3600
"""Memory storage counts in windows that begin with the clock: a long one does not end within a test."""


async def passed(limit: RateLimit, key: str, times: int) -> int:
    """How many of `times` requests are permitted."""
    good = 0
    for _ in range(times):
        try:
            await limit.check(key)
            good += 1
        except TooManyRequests:
            pass
    return good


async def retry_after(limit: RateLimit, key: str) -> float:
    with pytest.raises(TooManyRequests) as caught:
        await limit.check(key)
    return caught.value.retry_after_seconds


async def test_two_processes_share_one_limit(redis_url: str, redis_prefix: str) -> None:
    async with (
        open_redis(redis_url, prefix=redis_prefix) as here,
        open_redis(redis_url, prefix=redis_prefix) as there,
    ):
        one, two = RateLimit(10, clock, redis=here), RateLimit(10, clock, redis=there)

        assert (await passed(one, "a", 7), await passed(two, "a", 7)) == (7, 3)
        assert await passed(one, "b", 7) == 7


async def test_installations_on_one_server_count_apart(redis_url: str, redis_prefix: str) -> None:
    async with (
        open_redis(redis_url, prefix=redis_prefix) as here,
        open_redis(redis_url, prefix=f"{redis_prefix}-2") as there,
    ):
        one, two = RateLimit(3, clock, redis=here), RateLimit(3, clock, redis=there)

        assert (await passed(one, "a", 5), await passed(two, "a", 5)) == (3, 3)


async def test_without_redis_the_process_counts_for_itself() -> None:
    limit = RateLimit(3, clock, window_seconds=DAY)

    assert (await passed(limit, "a", 5), await passed(limit, "b", 2)) == (3, 2)


@pytest.mark.parametrize("shared", [True, False])
async def test_the_wait_that_is_named_is_the_right_one(
    redis_url: str, redis_prefix: str, shared: bool
) -> None:
    async with open_redis(redis_url, prefix=redis_prefix) as redis:
        limit = RateLimit(3, clock, redis=redis if shared else None, window_seconds=2)
        key = str(uuid4())
        if not shared:
            await hold(2 - clock.time() % 2)  # to the beginning of a window
        assert await passed(limit, key, 3) == 3

        seconds = await retry_after(limit, key)
        free_at = clock.monotonic() + seconds
        assert 1 < seconds <= 2
        await hold(seconds / 2)
        assert await retry_after(limit, key) == pytest.approx(free_at - clock.monotonic(), abs=0.1)

        await hold(free_at - clock.monotonic() + 0.02)
        assert await passed(limit, key, 1) == 1


async def test_a_refused_request_does_not_count(redis_url: str, redis_prefix: str) -> None:
    async with open_redis(redis_url, prefix=redis_prefix) as redis:
        limit = RateLimit(3, clock, redis=redis, window_seconds=60)
        assert await passed(limit, "a", 3) == 3
        before = await retry_after(limit, "a")

        assert await passed(limit, "a", 50) == 0
        assert await retry_after(limit, "a") <= before


async def test_a_dead_redis_refuses_nobody_and_is_used_again_afterwards(
    server: RedisServer, redis_prefix: str
) -> None:
    with capture_logs() as logs:
        async with open_redis(server.url, prefix=redis_prefix, timeout_seconds=0.5) as redis:
            limit = RateLimit(5, clock, redis=redis, window_seconds=DAY)
            assert await passed(limit, "a", 5) == 5
            server.kill()

            assert await passed(limit, "a", 10) == 5  # this process's own count begins anew

            server.restart()
            await hold(0.55)
            assert await passed(limit, "a", 10) == 5
            assert [key async for key in redis.client.scan_iter(f"{redis_prefix}:rate:*")]

    assert [line["event"] for line in logs] == ["rate_limit.alone", "rate_limit.shared"]


async def test_a_frozen_redis_costs_one_request_the_timeout(server: RedisServer, redis_prefix: str) -> None:
    async with open_redis(server.url, prefix=redis_prefix, timeout_seconds=0.5) as redis:
        limit = RateLimit(1000, clock, redis=redis, window_seconds=DAY)
        assert await passed(limit, "a", 1) == 1
        server.freeze()
        began = clock.monotonic()

        assert await passed(limit, "a", 100) == 100

    assert clock.monotonic() - began < 5


async def test_counters_stay_in_one_slot_and_expire(redis_url: str, redis_prefix: str) -> None:
    async with open_redis(redis_url, prefix=redis_prefix) as redis:
        limit = RateLimit(10, clock, redis=redis, window_seconds=2)
        await limit.check("a")
        await hold(2.1)
        await limit.check("a")

        keys = [key async for key in redis.client.scan_iter(f"{redis_prefix}:*")]
        assert len(keys) == 2
        assert all(key.startswith(f"{redis_prefix}:rate:{{requests/a/".encode()) for key in keys)
        assert len({key[: key.index(b"}")] for key in keys}) == 1
        assert all([0 < await redis.client.pttl(key) <= 4000 for key in keys])


async def test_a_user_with_these_commands_is_enough(server: RedisServer, redis_prefix: str) -> None:
    commands = "+evalsha +script|load +get +set +pttl +exists +incrby +rename"
    async with Redis.from_url(server.url) as root:
        rules = ["on", ">word", f"~{redis_prefix}:*", *commands.split()]
        await root.execute_command("ACL", "SETUSER", "little", *rules)
    with capture_logs() as logs:
        async with open_redis(server.url_as("little", "word"), prefix=redis_prefix) as redis:
            limit = RateLimit(3, clock, redis=redis, window_seconds=2)

            assert await passed(limit, "a", 5) == 3
            await hold(2.1)
            assert await passed(limit, "a", 1) == 1

    assert logs == []


async def test_a_user_who_may_not_is_an_outage(server: RedisServer, redis_prefix: str) -> None:
    async with Redis.from_url(server.url) as root:
        await root.execute_command("ACL", "SETUSER", "little", "on", ">word", "~*", "+ping")
    with capture_logs() as logs:
        async with open_redis(server.url_as("little", "word"), prefix=redis_prefix) as redis:
            assert await passed(RateLimit(3, clock, redis=redis, window_seconds=DAY), "a", 5) == 3

    assert [(line["event"], line["error"]) for line in logs] == [("rate_limit.alone", "NoPermissionError")]
