"""The cache of secrets: who reads, when, and who waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from helium.adapters.secrets.kept import AWAY_SECONDS, FORCED_SECONDS, MISSING_SECONDS, NOTHING_SECONDS
from helium.core.errors import SecretsUnavailable
from helium.kit.log_context import bound, merge_ids
from helium.ports import SecretStore

from .scripted import TTL, World, opened


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with opened() as made:
        yield made


def turns(world: World, name: str = "KEY") -> int:
    """How often a `get` gives way to others before it has its answer."""
    coroutine, count = world.secrets.get(name), 0
    try:
        while True:
            coroutine.send(None)
            count += 1
            if count > 3:
                coroutine.close()
                return count
    except StopIteration:
        return count


async def test_it_is_a_secret_store(world: World) -> None:
    store: SecretStore = world.secrets
    assert await store.get("KEY") is not None


async def test_many_callers_make_one_read(world: World) -> None:
    world.source.hold()
    callers = [asyncio.create_task(world.value()) for _ in range(100)]
    while world.source.reads == 0:
        await asyncio.wait(callers, timeout=0)
    world.source.release()

    assert (await asyncio.gather(*callers), world.source.reads) == (["first value"] * 100, 1)


async def test_a_caller_who_gives_up_does_not_end_the_read_of_the_others(world: World) -> None:
    world.source.hold()
    first, second = asyncio.create_task(world.value()), asyncio.create_task(world.value())
    await asyncio.wait([first, second], timeout=0)
    first.cancel()
    await asyncio.wait([first])
    world.source.release()

    assert (await second, world.source.reads) == ("first value", 1)


async def test_a_cached_value_is_given_without_giving_way(world: World) -> None:
    await world.value()

    assert (turns(world), world.source.reads) == (0, 1)


async def test_a_value_in_use_is_renewed_in_the_background_and_nobody_waits(world: World) -> None:
    await world.value()
    world.source.value = "second value"
    world.source.hold()
    world.clock.advance(TTL * 0.89)

    found = [turns(world), turns(world)]
    world.source.release()
    await world.idle()

    assert (found, world.source.reads, turns(world)) == ([0, 0], 2, 0)
    assert await world.value() == "second value"


async def test_processes_that_started_together_do_not_read_together() -> None:
    moments: set[int] = set()
    for _ in range(20):
        async with opened() as world:
            await world.value()
            seconds = 0
            while world.source.reads == 1:
                world.clock.advance(1)
                seconds += 1
                await world.value()
                await world.idle()
            moments.add(seconds)

    assert len(moments) > 5
    assert min(moments) >= TTL * 0.9 * 0.8
    assert max(moments) <= TTL * 1.1 * 0.8 + 1


async def test_a_secret_that_is_not_there_is_not_asked_for_at_each_use(world: World) -> None:
    world.source.value = None
    found = [await world.value(), await world.value()]
    assert (found, world.source.reads) == ([None, None], 1)

    world.source.value = "first value"
    world.clock.advance(MISSING_SECONDS + 1)

    assert await world.value() == "first value"


async def test_a_secret_that_was_deleted_is_gone(world: World) -> None:
    await world.value()
    world.source.value = None
    world.clock.advance(TTL * 1.2)

    assert await world.value() is None


async def test_a_place_that_is_silent_is_left_after_the_timeout() -> None:
    async with opened(timeout_seconds=0.05) as world:
        world.source.hold()
        with pytest.raises(SecretsUnavailable):
            await world.value()
        assert world.secrets.counts.failures == 1

        await world.idle()
        world.source.release()
        world.clock.advance(NOTHING_SECONDS)
        assert await world.value() == "first value"
        world.source.hold()
        world.clock.advance(TTL * 1.2)
        assert await world.value() == "first value"


async def test_a_place_that_is_away_is_not_asked_by_every_caller(world: World) -> None:
    world.source.away = True
    for _ in range(5):
        with pytest.raises(SecretsUnavailable):
            await world.value()
    assert world.source.reads == 1


async def test_during_an_outage_only_the_first_waits_and_the_place_is_asked_seldom(world: World) -> None:
    await world.value()
    world.source.away = True
    world.clock.advance(TTL * 1.2)
    await world.value()

    waits = list[int]()
    for _ in range(100):
        world.clock.advance(AWAY_SECONDS / 10)
        waits.append(turns(world))
        await world.idle()

    assert set(waits) == {0}
    assert 2 + 9 <= world.source.reads <= 2 + 11


async def test_a_refused_value_is_read_again_once_in_a_while(world: World) -> None:
    await world.value()
    for _ in range(50):
        world.secrets.invalidate("KEY", refused="first value")
        await world.value()
    assert world.source.reads == 2

    world.clock.advance(FORCED_SECONDS)
    world.secrets.invalidate("KEY", refused="first value")
    await world.value()

    assert world.source.reads == 3


async def test_a_refusal_of_an_older_value_changes_nothing(world: World) -> None:
    await world.value()
    world.secrets.invalidate("KEY", refused="an older value")
    world.secrets.invalidate("UNKNOWN")

    assert (turns(world), world.source.reads) == (0, 1)


async def test_a_read_from_before_a_refusal_does_not_count(world: World) -> None:
    await world.value()
    world.clock.advance(TTL * 0.89)
    earlier = world.source.hold()
    await world.value()
    await asyncio.wait(world.secrets.under_way(), timeout=0)
    world.source.value = "second value"
    world.source.hold()
    world.source.release()

    world.secrets.invalidate("KEY", refused="first value")
    found = [await world.value()]
    earlier.set()
    await world.idle()
    found.append(await world.value())

    assert (found, world.source.reads) == (["second value", "second value"], 3)


async def test_a_value_of_the_environment_is_given_as_it_is(world: World) -> None:
    async with opened(PLAIN="a value", EMPTY="") as other:
        found = await other.secrets.get("PLAIN")
        assert found is not None
        assert (found.value, found.source, found.version) == ("a value", "environment", None)
        assert (await other.value("EMPTY"), await other.value("UNSET")) == (None, None)
        assert (other.secrets.refers("PLAIN"), other.secrets.refers("KEY")) == (False, True)


async def test_every_value_is_told_to_those_who_keep_it_out_of_the_logs(world: World) -> None:
    await world.value()
    world.source.value = "second value"
    await world.secrets.resolve("HELIUM_DATABASE_URL", "secret:gcp:a_key")
    await world.secrets.resolve("HELIUM_DATABASE_URL", "postgresql://plain")

    assert world.learned == ["first value", "second value", "postgresql://plain"]


async def test_an_outage_is_not_told_as_that_of_the_run_which_met_it(world: World) -> None:
    world.source.away = True
    with (
        capture_logs(processors=[merge_ids]) as told,
        bound(run_id="run_1"),
        pytest.raises(SecretsUnavailable),
    ):
        await world.value()

    assert [entry["event"] for entry in told] == ["secrets.away"]
    assert "run_id" not in told[0]


async def test_reads_end_with_the_store() -> None:
    async with opened() as world:
        world.source.hold()
        asked = asyncio.create_task(world.value())
        await asyncio.wait([asked], timeout=0)
    await asyncio.wait([asked])

    assert (asked.cancelled(), world.secrets.under_way()) == (True, frozenset())
