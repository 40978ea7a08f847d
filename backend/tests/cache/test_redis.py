"""What only Redis can get wrong: being away, holding what others wrote, and keeping its own time."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from helium.adapters.cache.entry import name_of
from helium.adapters.redis.connection import open_redis
from helium.kit.clock import ManualClock
from tests.cache.places import RedisPlace
from tests.support.processes import until
from tests.support.redis_server import RedisServer, redis_server

CALL_SECONDS = 0.5


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
async def place(server: RedisServer) -> AsyncIterator[RedisPlace]:
    clock = ManualClock()
    async with open_redis(server.url, clock=clock, timeout_seconds=CALL_SECONDS) as redis:
        await redis.client.flushdb()
        yield RedisPlace(redis, clock)


async def one() -> int:
    return 1


async def test_redis_itself_forgets_what_is_over(place: RedisPlace) -> None:
    cache = place.front()
    await cache.set("agents:a", 1, 0.05)
    await cache.get_or_compute("agents:b", one, 0.03, stale_seconds=0.02)

    async def gone() -> bool:
        return not await place.names("entry")

    await until(gone, "the end of the entries")
    assert [await cache.get("agents:a"), await cache.get("agents:b")] == [None, None]


async def test_no_key_stays_for_ever(place: RedisPlace) -> None:
    cache = place.front()
    await cache.get_or_compute("agents:a", one, 1e9, stale_seconds=60, tags=["agents:1"])
    await cache.invalidate("agents:2")

    left = [await place.redis.client.pttl(name) for name in await place.names()]
    assert len(left) == 3
    assert all(0 < milliseconds <= 24 * 3600 * 1000 for milliseconds in left)


async def test_all_keys_are_hashes_in_one_slot(place: RedisPlace) -> None:
    cache = place.front()
    await cache.set("agents:text of a user", 1, 10, tags=["agents:text of another"])

    kept = await place.redis.client.keys("*")
    assert sorted(kept) == sorted(
        f"helium:{{cache}}:{kind}:{name_of(text)}".encode()
        for kind, text in (("entry", "agents:text of a user"), ("tag", "agents:text of another"))
    )


POISON = [
    b"",
    b"\xff\xfe",
    b"null",
    b"{}",
    b'["v"]',
    b'["v",0]',
    b'["v","0",{}]',
    b'["v",0,{"t":1}]',
    b'["\xff",0,{}]',
    b'["v",0,{}] ["w",0,{}]',
    b"\x80\x04K\x01.",
    b"[" * 100_000,
]


@pytest.mark.parametrize("poison", POISON, ids=[str(poison[:12]) for poison in POISON])
async def test_what_somebody_else_wrote_is_a_miss_and_replaced(place: RedisPlace, poison: bytes) -> None:
    cache = place.front()
    await place.redis.client.set(place.redis.key("cache", "entry", name_of("agents:a")), poison)

    with capture_logs() as logs:
        assert await cache.get("agents:a") is None
        assert await cache.get_or_compute("agents:a", one, 10) == 1
        assert await cache.get("agents:a") == 1
    assert logs == [{"event": "cache.unreadable", "log_level": "warning"}] * 2
    assert cache.counts["agents"].failures == 2


async def test_a_key_of_another_type_is_a_miss_and_replaced(place: RedisPlace) -> None:
    cache = place.front()
    for kind, text in (("entry", "agents:a"), ("tag", "agents:1")):
        await place.redis.client.rpush(place.redis.key("cache", kind, name_of(text)), "x")

    assert await cache.get("agents:a") is None
    assert await cache.get_or_compute("agents:a", one, 10, tags=["agents:1"]) == 1
    await cache.invalidate("agents:1")
    assert await cache.get_or_compute("agents:a", one, 10, tags=["agents:1"]) == 1
    assert await cache.get("agents:a") == 1


async def test_an_outage_is_misses_counted_as_failures_and_logged_once(
    place: RedisPlace, server: RedisServer
) -> None:
    cache = place.front()
    await cache.set("agents:a", 1, 100)
    server.kill()
    with capture_logs() as logs:
        assert [await cache.get("agents:a") for _ in range(50)] == [None] * 50
        assert await cache.get_or_compute("agents:b", one, 100) == 1
        await cache.set("agents:a", 2, 100)
        await cache.invalidate("agents:1")
        place.clock.advance(CALL_SECONDS)
        assert await cache.get("agents:a") is None
    assert [line["event"] for line in logs] == ["cache.failed"]
    counts = cache.counts["agents"]
    assert (counts.hits, counts.misses, counts.failures) == (0, 52, 54)

    server.restart()
    place.clock.advance(CALL_SECONDS)
    with capture_logs() as logs:
        await cache.set("agents:a", 3, 100)
        assert await cache.get("agents:a") == 3
    assert [line["event"] for line in logs] == ["cache.back"]


async def test_a_redis_that_hangs_costs_its_timeout_once(place: RedisPlace, server: RedisServer) -> None:
    cache = place.front()
    await cache.set("agents:a", 1, 100)
    server.freeze()
    try:
        async with asyncio.timeout(10 * CALL_SECONDS):
            assert [await cache.get("agents:a") for _ in range(100)] == [None] * 100
            assert await cache.get_or_compute("agents:b", one, 100, tags=["agents:1"]) == 1
    finally:
        server.thaw()


async def test_a_full_redis_fails_no_call(place: RedisPlace) -> None:
    cache = place.front()
    await cache.set("agents:a", 1, 100)
    await place.redis.client.config_set("maxmemory", 1)
    try:
        with capture_logs() as logs:
            assert await cache.get_or_compute("agents:b", one, 100, tags=["agents:1"]) == 1
            await cache.set("agents:c", 1, 100)
    finally:
        await place.redis.client.config_set("maxmemory", 0)
    assert [line["event"] for line in logs] == ["cache.failed"]
    assert cache.counts["agents"].failures == 2
    assert await cache.get("agents:a") == 1
