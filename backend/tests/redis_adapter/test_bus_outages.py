"""The bus while Redis is away, frozen, or not willing (F7)."""

from uuid import uuid4

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from helium.adapters.redis import bus as bus_module
from helium.kit.clock import ManualClock, SystemClock
from tests.redis_adapter.buses import bus_on
from tests.support.processes import hold, until
from tests.support.redis_server import RedisServer

RUN = uuid4()
clock = SystemClock()


async def test_a_killed_and_restarted_server_is_noticed_both_times(
    server: RedisServer, redis_prefix: str
) -> None:
    with capture_logs() as logs:
        async with (
            bus_on(server.url, redis_prefix, "work") as one,
            bus_on(server.url, redis_prefix, "work") as two,
        ):
            await one.ready()
            await two.ready()
            server.kill()
            await until(lambda: not (one.bus.healthy or two.bus.healthy), "the loss", 3)

            server.restart()
            await one.ready()
            await two.ready()

            assert one.calls == [[], []]
            one.bus.publish("work", [RUN])
            await until(lambda: two.run_ids == [RUN], "a message as before", 5)

    said = sorted(line["event"] for line in logs)
    assert said == ["bus.away", "bus.away", "bus.back", "bus.back"]


async def test_a_frozen_server_is_noticed_and_publishing_waits_for_nobody(
    server: RedisServer, redis_prefix: str
) -> None:
    async with (
        bus_on(server.url, redis_prefix, "work") as one,
        bus_on(server.url, redis_prefix, "work") as two,
    ):
        await one.ready()
        await two.ready()
        server.freeze()
        began = clock.monotonic()

        one.bus.publish("work", [RUN])
        slowest = 0.0
        while one.bus.healthy:
            before = clock.monotonic()
            one.bus.publish("work", [uuid4()])
            slowest = max(slowest, clock.monotonic() - before)
            await hold(0.01)
        noticed = clock.monotonic() - began

        assert slowest < 0.1
        assert noticed < 4.0  # 2 s, and what a busy machine adds
        server.thaw()
        await one.ready()
        await until(lambda: two.calls.count([]) >= 2, "the call to look", 5)


async def test_a_subscription_that_is_cut_while_publishing_works_is_told(
    server: RedisServer, redis_prefix: str
) -> None:
    """What was said in between is lost: so the listener has to look. It takes one new connection."""
    async with bus_on(server.url, redis_prefix, "events") as ear, Redis.from_url(server.url) as other:
        await ear.ready()
        before = (await other.info("stats"))["total_connections_received"]
        await other.client_kill_filter(_type="pubsub")

        await until(lambda: ear.calls == [[], []], "the call to look", 5)
        assert ear.bus.healthy
        assert (await other.info("stats"))["total_connections_received"] == before + 1


async def test_a_server_that_is_frozen_when_it_is_asked_to_subscribe_is_given_up(
    server: RedisServer, redis_prefix: str
) -> None:
    server.freeze()
    with capture_logs() as logs:
        async with bus_on(server.url, redis_prefix, "work", timeout_seconds=0.2) as ear:
            await until(lambda: bool(logs), "the loss", 3)
            assert ear.calls == []

            server.thaw()
            await ear.ready()

    assert [line["event"] for line in logs] == ["bus.away", "bus.back"]


async def test_what_could_not_be_sent_becomes_one_call_to_look(
    server: RedisServer, redis_prefix: str
) -> None:
    manual = ManualClock()
    async with bus_on(server.url, redis_prefix, "work", timeout_seconds=0.2, clock=manual) as one:
        await one.ready()
        server.kill()
        for _ in range(100):
            one.bus.publish("work", [uuid4()])
            await hold(0.005)  # long enough for it to try, and for the circuit to forget

        server.restart()
        async with bus_on(server.url, redis_prefix, "work") as two:
            await two.ready()
            assert two.calls == [[]]
            manual.advance(0.2)
            await until(lambda: two.calls == [[], []], "one call for all of them", 5)

            one.bus.publish("work", [RUN])
            manual.advance(0.2)
            await until(lambda: two.calls == [[], [], [RUN]], "a message as before", 5)


async def test_a_server_that_accepts_and_drops_is_asked_less_and_less(
    server: RedisServer, redis_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []

    def recorded(attempt: int, **_: float) -> float:
        attempts.append(attempt)
        return 0.0

    monkeypatch.setattr(bus_module, "backoff", recorded)
    manual = ManualClock()
    async with (
        bus_on(server.url, redis_prefix, "work", clock=manual) as ear,
        Redis.from_url(server.url) as other,
    ):
        for times, lived_seconds in enumerate((0.0, 4.9, 0.0, 5.0, 0.0), 1):
            await until(lambda times=times: len(ear.calls) == times, "a subscription", 5)
            manual.advance(lived_seconds)
            await other.client_kill_filter(_type="pubsub")
        await until(lambda: len(ear.calls) == 6, "a subscription", 5)

    assert attempts == [1, 2, 3, 1, 2]


async def test_a_user_without_the_channel_never_becomes_healthy_and_harms_nobody(
    server: RedisServer, redis_prefix: str
) -> None:
    async with Redis.from_url(server.url) as root:
        rules = ["on", ">word", "&other:*", "+ping", "+publish", "+subscribe"]
        await root.execute_command("ACL", "SETUSER", "little", *rules)
    with capture_logs() as logs:
        async with bus_on(server.url_as("little", "word"), redis_prefix, "work") as ear:
            ear.bus.publish("work", [RUN])
            await until(lambda: bool(logs), "a line in the log", 5)
            assert not ear.bus.healthy
            assert ear.calls == []

    assert logs[0] == {"event": "bus.away", "error": "NoPermissionError", "log_level": "warning"}


async def test_a_user_with_the_prefixs_channels_is_enough(server: RedisServer, redis_prefix: str) -> None:
    async with Redis.from_url(server.url) as root:
        rules = ["on", ">word", f"&{redis_prefix}:bus:*", "+ping", "+publish", "+subscribe"]
        await root.execute_command("ACL", "SETUSER", "little", *rules)
    url = server.url_as("little", "word")
    async with bus_on(url, redis_prefix, "work") as one, bus_on(url, redis_prefix, "work") as two:
        await one.ready()
        await two.ready()
        one.bus.publish("work", [RUN])

        await until(lambda: two.run_ids == [RUN], "a message", 5)
        await hold(1.3)  # a silence, so that it has sent a PING
        assert two.bus.healthy
        assert two.calls == [[], [RUN]]


async def test_a_server_that_is_never_there_costs_nothing_but_the_bell(redis_prefix: str) -> None:
    with capture_logs() as logs:
        async with bus_on("redis://127.0.0.1:1/0", redis_prefix, "work", timeout_seconds=0.1) as ear:
            for _ in range(20):
                ear.bus.publish("work", [uuid4()])
                await hold(0.05)
            assert not ear.bus.healthy

    assert [line["event"] for line in logs] == ["bus.away"]
