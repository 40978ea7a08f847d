"""The bus while Redis is there."""

from uuid import uuid4

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from helium.adapters.redis.bus import RedisBus
from helium.adapters.redis.connection import open_redis
from helium.adapters.redis.messages import pack, unpack
from helium.adapters.redis.outbox import Outbox
from helium.kit.clock import ManualClock, SystemClock
from helium.ports import Bus
from tests.redis_adapter.buses import Ear, bus_on, served
from tests.support.processes import hold, until

RUNS = [uuid4() for _ in range(3)]


async def test_two_processes_hear_each_other(redis_url: str, redis_prefix: str) -> None:
    async with (
        bus_on(redis_url, redis_prefix, "work") as one,
        bus_on(redis_url, redis_prefix, "work", "events") as two,
    ):
        await one.ready()
        await two.ready()

        one.bus.publish("work", RUNS)
        await until(lambda: two.run_ids == RUNS, "the ids of `work`", 5)
        one.bus.publish("events", RUNS[:1])
        await until(lambda: two.run_ids == [*RUNS, RUNS[0]], "the id of `events`", 5)
        two.bus.publish("work", RUNS[:1])
        await until(lambda: one.run_ids == RUNS[:1], "the answer", 5)


async def test_own_messages_are_not_heard(redis_url: str, redis_prefix: str) -> None:
    async with (
        bus_on(redis_url, redis_prefix, "work") as one,
        bus_on(redis_url, redis_prefix, "work") as two,
    ):
        await one.ready()
        await two.ready()

        one.bus.publish("work", RUNS[:2])
        two.bus.publish("work", RUNS[2:])
        await until(lambda: two.run_ids == RUNS[:2] and one.run_ids == RUNS[2:], "each other's", 5)


async def test_installations_on_one_server_do_not_hear_each_other(
    redis_url: str, redis_prefix: str
) -> None:
    async with (
        bus_on(redis_url, redis_prefix, "work") as one,
        bus_on(redis_url, f"{redis_prefix}-2", "work") as other,
        bus_on(redis_url, redis_prefix, "work") as two,
    ):
        for ear in (one, other, two):
            await ear.ready()

        other.bus.publish("work", RUNS[:1])
        one.bus.publish("work", RUNS[1:])
        await until(lambda: two.run_ids == RUNS[1:], "its own installation's", 5)


async def test_every_subscription_begins_with_a_call_to_look(redis_url: str, redis_prefix: str) -> None:
    async with bus_on(redis_url, redis_prefix, "work", "cancel") as ear:
        await ear.ready()

        assert ear.calls == [[], []]


async def test_a_topic_that_is_listened_to_later_is_heard(redis_url: str, redis_prefix: str) -> None:
    with capture_logs() as logs:
        async with (
            bus_on(redis_url, redis_prefix, "work") as one,
            bus_on(redis_url, redis_prefix) as two,
        ):
            await one.ready()
            assert not two.bus.healthy
            for topic in ("events", "cancel"):
                late = Ear(two.bus, topic)
                await until(lambda late=late: late.calls == [[]], "a subscription", 5)

                one.bus.publish(topic, RUNS)
                await until(lambda late=late: late.run_ids == RUNS, "the ids", 5)

    assert logs == []


@pytest.mark.parametrize("junk", [b"", b"short", b"x" * 33])
async def test_malformed_messages_are_ignored_and_said_once(
    redis_url: str, redis_prefix: str, junk: bytes
) -> None:
    with capture_logs() as logs:
        async with bus_on(redis_url, redis_prefix, "work") as ear, Redis.from_url(redis_url) as stranger:
            await ear.ready()
            channel = f"{redis_prefix}:bus:work"
            for message in (junk, junk, pack(uuid4().bytes, RUNS)):
                await stranger.publish(channel, message)
            await until(lambda: ear.run_ids == RUNS, "the good message", 5)

    assert ear.calls == [[], RUNS]
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["bus.malformed"]


async def test_what_is_published_while_a_message_is_under_way_goes_together(
    redis_url: str, redis_prefix: str
) -> None:
    async with (
        bus_on(redis_url, redis_prefix, "work") as one,
        bus_on(redis_url, redis_prefix, "work") as two,
    ):
        await one.ready()
        await two.ready()
        many = [uuid4() for _ in range(1000)]

        for run_id in many:
            one.bus.publish("work", [run_id])
        await until(lambda: len(two.run_ids) == 1000, "all of them", 5)

    assert two.run_ids == many
    assert len(two.calls) <= 3


async def test_after_a_message_the_next_gathers_for_a_little_while(
    redis_url: str, redis_prefix: str
) -> None:
    manual = ManualClock()
    async with (
        bus_on(redis_url, redis_prefix, "work", clock=manual) as one,
        bus_on(redis_url, redis_prefix, "work") as two,
    ):
        await one.ready()
        await two.ready()
        one.bus.publish("work", RUNS[:1])
        await until(lambda: two.run_ids == RUNS[:1], "the first, at once", 5)
        one.bus.publish("work", RUNS[1:2])
        await hold(0.05)
        one.bus.publish("work", RUNS[2:])
        assert two.run_ids == RUNS[:1]

        manual.advance(0.005)
        await until(lambda: two.calls == [[], RUNS[:1], RUNS[1:]], "the others, together", 5)


async def test_a_flood_becomes_one_call_to_look(redis_url: str, redis_prefix: str) -> None:
    with capture_logs() as logs:
        async with (
            bus_on(redis_url, redis_prefix, "work", buffer_ids=1000) as one,
            bus_on(redis_url, redis_prefix, "work") as two,
        ):
            await one.ready()
            await two.ready()

            for _ in range(10_000):
                one.bus.publish("work", [uuid4()])
            await until(lambda: len(two.calls) == 2, "the call", 5)

    assert two.calls == [[], []]
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["bus.overflow"]


async def test_a_bus_keeps_the_port(redis_url: str) -> None:
    async with open_redis(redis_url) as redis:
        bus: Bus = RedisBus(redis, SystemClock())

        assert not bus.healthy
        async with served(RedisBus(redis, SystemClock())):
            bus.publish("work", [])


def test_a_message_is_who_speaks_and_about_what() -> None:
    sender = uuid4().bytes

    assert unpack(pack(sender, RUNS)) == (sender, RUNS)
    assert unpack(pack(sender, [])) == (sender, [])
    assert len(pack(sender, RUNS)) == 16 * 4


def test_an_outbox_keeps_each_id_once_and_no_more_than_its_limit() -> None:
    outbox = Outbox(limit=2)
    assert outbox.take() is None

    assert outbox.add([RUNS[0], RUNS[0], RUNS[1]])
    assert outbox.take() == RUNS[:2]
    assert outbox.take() is None

    assert outbox.add(RUNS[:2])
    assert not outbox.add(RUNS[2:])
    assert outbox.add(RUNS[2:])
    assert outbox.take() == []
    assert outbox.take() is None


def test_an_outbox_with_nothing_to_say_says_nothing() -> None:
    outbox = Outbox(limit=2)
    outbox.add([])

    assert outbox.take() is None
