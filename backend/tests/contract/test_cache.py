"""What every cache promises: in memory, on Redis, and with a moment's memory before Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from helium.adapters.cache.json_cache import MAX_BYTES, JsonCache
from helium.adapters.redis.connection import open_redis
from helium.kit.clock import ManualClock
from tests.cache.places import MemoryPlace, Place, RedisPlace
from tests.support.processes import until
from tests.support.redis_server import RedisServer, redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture(params=["memory", "redis", "two tiers"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    if request.param == "memory":
        yield MemoryPlace()
        return
    server: RedisServer = request.getfixturevalue("server")
    clock = ManualClock()
    async with open_redis(server.url, clock=clock) as redis:
        await redis.client.flushdb()
        yield RedisPlace(redis, clock, near_seconds=1.0 if request.param == "two tiers" else 0.0)


@pytest.fixture
async def cache(place: Place) -> AsyncIterator[JsonCache]:
    async with place.front() as front:
        yield front


@pytest.fixture
async def other(place: Place) -> AsyncIterator[JsonCache]:
    """Another process's cache."""
    async with place.front() as front:
        yield front


class Source:
    """The truth: counts how often it is asked, waits while it is held, fails when it is told to."""

    def __init__(self, value: Any = "v") -> None:
        self.value = value
        self.asked = 0
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> Any:
        self.asked += 1
        value = self.value
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return value


async def test_a_value_is_given_until_its_time(place: Place, cache: JsonCache) -> None:
    await cache.set("agents:a", {"n": [1, None, "ü"]}, 10)

    await place.age(9)
    assert await cache.get("agents:a") == {"n": [1, None, "ü"]}
    await place.age(1)
    assert await cache.get("agents:a") is None


async def test_a_value_is_seen_by_other_processes_until_it_is_deleted(
    place: Place, cache: JsonCache, other: JsonCache
) -> None:
    await cache.set("agents:a", 1, 10)
    assert await other.get("agents:a") == 1

    await other.delete("agents:a")
    assert await other.get("agents:a") is None
    await place.age(place.near_seconds)
    assert await cache.get("agents:a") is None


async def test_a_computed_value_is_computed_again_after_its_time(place: Place, cache: JsonCache) -> None:
    source = Source()
    for age, asked in ((0, 1), (9, 1), (1, 2)):
        await place.age(age)
        assert await cache.get_or_compute("agents:a", source, 10) == "v"
        assert source.asked == asked


async def test_a_value_is_the_same_when_it_is_computed_and_when_it_is_found(cache: JsonCache) -> None:
    source = Source({"a": (1, 2), "b": None})
    given = [await cache.get_or_compute("agents:a", source, 10) for _ in range(2)]

    assert given == [{"a": [1, 2], "b": None}] * 2
    assert source.asked == 1


async def test_nothing_is_a_value_too(cache: JsonCache) -> None:
    source = Source(None)
    assert [await cache.get_or_compute("agents:a", source, 10) for _ in range(2)] == [None, None]
    assert source.asked == 1


async def test_many_callers_at_once_compute_once(cache: JsonCache) -> None:
    source = Source()
    source.open.clear()
    callers = [asyncio.create_task(cache.get_or_compute("agents:a", source, 10)) for _ in range(100)]
    await until(lambda: source.asked > 0, "computing")
    source.open.set()

    assert await asyncio.gather(*callers) == ["v"] * 100
    assert source.asked == 1
    counts = cache.counts["agents"]
    assert (counts.hits, counts.misses, counts.computes) == (0, 100, 1)


async def test_a_caller_who_leaves_does_not_end_it_for_the_others(cache: JsonCache) -> None:
    source = Source()
    source.open.clear()
    first, second = (asyncio.create_task(cache.get_or_compute("agents:a", source, 10)) for _ in range(2))
    await until(lambda: source.asked > 0, "computing")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.open.set()

    assert await second == "v"
    assert source.asked == 1


async def test_an_error_is_raised_to_all_who_wait_and_is_not_kept(cache: JsonCache) -> None:
    source = Source()
    source.error = ValueError("no")
    source.open.clear()
    callers = [asyncio.create_task(cache.get_or_compute("agents:a", source, 10)) for _ in range(3)]
    await until(lambda: source.asked > 0, "computing")
    source.open.set()
    assert [str(error) for error in await asyncio.gather(*callers, return_exceptions=True)] == ["no"] * 3

    source.error = None
    assert await cache.get_or_compute("agents:a", source, 10) == "v"


async def test_an_old_value_is_given_at_once_and_the_new_one_later(place: Place, cache: JsonCache) -> None:
    source = Source("old")
    await cache.get_or_compute("agents:a", source, 10, stale_seconds=60)
    source.value = "new"
    source.open.clear()
    await place.age(10)
    for _ in range(3):
        assert await cache.get_or_compute("agents:a", source, 10, stale_seconds=60) == "old"
    assert await cache.get("agents:a") is None

    source.open.set()

    async def is_new() -> bool:
        return await cache.get("agents:a") == "new"

    await until(is_new, "the new value")
    assert source.asked == 2
    assert cache.counts["agents"].stale_hits == 3


async def test_an_old_value_is_too_old_at_last(place: Place, cache: JsonCache) -> None:
    source = Source("old")
    await cache.get_or_compute("agents:a", source, 10, stale_seconds=60)
    source.value = "new"
    await place.age(70)

    assert await cache.get_or_compute("agents:a", source, 10, stale_seconds=60) == "new"


async def test_an_error_while_a_value_is_old_is_logged_and_keeps_it(place: Place, cache: JsonCache) -> None:
    source = Source("old")
    await cache.get_or_compute("agents:a", source, 10, stale_seconds=60)
    source.error = ValueError("secret")
    await place.age(10)
    with capture_logs() as logs:
        for asked in (2, 3):
            assert await cache.get_or_compute("agents:a", source, 10, stale_seconds=60) == "old"
            await until(lambda: len(logs) == asked - 1, "the failure's log")  # noqa: B023
            assert await cache.get("agents:a") is None
            await place.age(place.near_seconds)

    assert source.asked == 3
    line = {"event": "cache.refresh_failed", "log_level": "warning"}
    assert logs == [{**line, "namespace": "agents", "error": "ValueError"}] * 2


async def test_an_invalidated_tag_forgets_its_values_and_no_others(
    place: Place, cache: JsonCache, other: JsonCache
) -> None:
    for front in (cache, other):
        for key, tags in (("both", ["agents:1", "agents:2"]), ("one", ["agents:2"]), ("none", [])):
            await front.get_or_compute(f"agents:{key}", Source(key), 10, tags=tags)

    await cache.invalidate("agents:1")

    assert [await cache.get(f"agents:{key}") for key in ("both", "one", "none")] == [None, "one", "none"]
    await place.age(place.near_seconds)
    assert [await other.get(f"agents:{key}") for key in ("both", "one", "none")] == [None, "one", "none"]


async def test_a_value_that_was_set_is_forgotten_with_its_tag(place: Place, cache: JsonCache) -> None:
    await cache.set("agents:a", 1, 10, tags=["agents:1"])
    assert await cache.get("agents:a") == 1

    await cache.invalidate("agents:1")

    assert await cache.get("agents:a") is None


async def test_a_value_without_a_tag_that_is_asked_for_is_computed_again(cache: JsonCache) -> None:
    await cache.set("agents:a", "old", 10)
    assert await cache.get_or_compute("agents:a", Source("new"), 10, tags=["agents:1"]) == "new"


async def test_an_old_value_is_not_given_after_an_invalidation(place: Place, cache: JsonCache) -> None:
    source = Source("old")
    await cache.get_or_compute("agents:a", source, 10, stale_seconds=60, tags=["agents:1"])
    source.value = "new"
    await place.age(10)
    await cache.invalidate("agents:1")

    found = await cache.get_or_compute("agents:a", source, 10, stale_seconds=60, tags=["agents:1"])
    assert found == "new"


@pytest.mark.parametrize("known", [False, True])
async def test_an_invalidation_while_a_value_is_computed_is_not_lost(
    place: Place, cache: JsonCache, other: JsonCache, known: bool
) -> None:
    """The value was read before the change: it is given to those who had asked, and kept by nobody."""
    if known:
        await other.get_or_compute("agents:b", Source(), 10, tags=["agents:1"])
    source = Source("old")
    source.open.clear()
    asked_before = asyncio.create_task(cache.get_or_compute("agents:a", source, 10, tags=["agents:1"]))
    await until(lambda: source.asked > 0, "computing")
    await other.invalidate("agents:1")
    source.value = "new"
    source.open.set()
    assert await asked_before == "old"

    assert await other.get_or_compute("agents:a", source, 10, tags=["agents:1"]) == "new"
    await place.age(place.near_seconds)
    assert await cache.get_or_compute("agents:a", source, 10, tags=["agents:1"]) == "new"


@pytest.mark.parametrize("change", ["invalidate", "delete", "set"])
async def test_whoever_asks_after_a_change_does_not_join_those_who_asked_before(
    cache: JsonCache, change: str
) -> None:
    source = Source("old")
    source.open.clear()
    before = asyncio.create_task(cache.get_or_compute("agents:a", source, 10, tags=["agents:1"]))
    await until(lambda: source.asked > 0, "computing")
    source.value = "new"
    match change:
        case "invalidate":
            await cache.invalidate("agents:1")
        case "delete":
            await cache.delete("agents:a")
        case _:
            await cache.set("agents:a", "new", 10, tags=["agents:1"])
    source.open.set()

    after = cache.get_or_compute("agents:a", source, 10, tags=["agents:1"])
    assert await asyncio.gather(before, after) == ["old", "new"]
    assert await cache.get("agents:a") == "new"


async def test_a_tag_that_was_lost_brings_no_old_value_back(
    place: Place, cache: JsonCache, other: JsonCache
) -> None:
    await cache.get_or_compute("agents:a", Source("old"), 100, tags=["agents:1"])
    await place.lose_tags()
    await other.invalidate("agents:1")
    await place.lose_tags()
    await place.age(place.near_seconds)

    assert [await front.get("agents:a") for front in (cache, other)] == [None, None]
    assert await cache.get_or_compute("agents:a", Source("new"), 100, tags=["agents:1"]) == "new"


HOSTILE = [
    "", ":", "{", "}", "{helium}:cache", "agents", "agents:", "agents:*", "agents:a\x00", "agents:a\n",
    "agents:a\r\nDEL x", "agents:\ud800", "agents:?", "agents:é", "agents:e\u0301", "tag:agents:a",
    "entry:agents:a",
    "agents:" + "x" * 100_000, "agents:" + "x" * 100_001,
]  # fmt: skip


async def test_no_text_of_a_user_makes_another_key(cache: JsonCache) -> None:
    for number, key in enumerate(HOSTILE):
        await cache.set(key, number, 10, tags=[key])
    assert [await cache.get(key) for key in HOSTILE] == list(range(len(HOSTILE)))

    for number, key in enumerate(HOSTILE):
        await cache.invalidate(key)
        assert await cache.get(key) is None
        assert [await cache.get(later) for later in HOSTILE[number + 1 :]] == list(
            range(number + 1, len(HOSTILE))
        )


async def test_a_value_that_is_too_large_is_given_and_not_kept(cache: JsonCache) -> None:
    source = Source("x" * MAX_BYTES)
    for asked in (1, 2):
        assert len(await cache.get_or_compute("agents:a", source, 10)) == MAX_BYTES
        assert source.asked == asked
    await cache.set("agents:b", source.value, 10)
    assert await cache.get("agents:b") is None


async def test_a_value_that_is_no_json_is_a_defect_and_raised(cache: JsonCache) -> None:
    with pytest.raises(TypeError):
        await cache.get_or_compute("agents:a", Source(object()), 10)
    with pytest.raises(TypeError):
        await cache.set("agents:a", object(), 10)


async def test_a_ttl_is_shortened_at_random_and_never_lengthened(place: Place) -> None:
    async with place.front(jitter=0.5) as cache:
        for number in range(40):
            await cache.get_or_compute(f"agents:{number}", Source(), 100)

        await place.age(49)
        assert [await cache.get(f"agents:{number}") for number in range(40)] == ["v"] * 40
        await place.age(26)
        left = [await cache.get(f"agents:{number}") for number in range(40)].count("v")
        assert 0 < left < 40
        await place.age(25)
        assert [await cache.get(f"agents:{number}") for number in range(40)] == [None] * 40


async def test_what_is_being_computed_ends_when_the_cache_is_closed(place: Place) -> None:
    cache = place.front()
    source = Source("old")
    await cache.get_or_compute("agents:old", source, 10, stale_seconds=60)
    await place.age(10)
    source.open.clear()
    assert await cache.get_or_compute("agents:old", source, 10, stale_seconds=60) == "old"
    waiting = asyncio.create_task(cache.get_or_compute("agents:new", source, 10))
    await until(lambda: source.asked == 3, "computing")

    async with asyncio.timeout(5):
        await cache.aclose()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def compute() -> bool:
        return asyncio.current_task() is here

    here = asyncio.current_task()
    assert await cache.get_or_compute("agents:new", compute, 10) is True
