"""What the bus counts: runs that others were told of, and those that they were not."""

from uuid import uuid4

from helium.adapters.redis.outbox import Outbox
from helium.kit.metrics.instruments import BELLS
from helium.ports.bus import Topic
from tests.redis_adapter.buses import bus_on
from tests.support.processes import hold, until
from tests.support.redis_server import RedisServer

RUNS = [uuid4() for _ in range(5)]
NOWHERE = "redis://127.0.0.1:1/0"


def counted(kind: Topic, outcome: str) -> float:
    return BELLS.of(kind, outcome).value


async def test_what_was_said_is_counted_by_kind(redis_url: str, redis_prefix: str) -> None:
    before = {kind: counted(kind, "published") for kind in ("work", "events", "cancel")}
    async with bus_on(redis_url, redis_prefix, "work", "cancel") as ear:
        await ear.ready()
        ear.bus.publish("work", RUNS)
        ear.bus.publish("cancel", RUNS[:1])
        await until(lambda: counted("cancel", "published") > before["cancel"], "the second message", 5)

    now = {kind: counted(kind, "published") - before[kind] for kind in ("work", "events", "cancel")}
    assert now == {"work": 5, "events": 0, "cancel": 1}


async def test_what_redis_did_not_take_has_failed_and_what_came_meanwhile_is_dropped(
    redis_prefix: str,
) -> None:
    failed, dropped = counted("events", "failed"), counted("events", "dropped")
    published = counted("events", "published")
    async with bus_on(NOWHERE, redis_prefix, "work", timeout_seconds=0.1) as ear:
        ear.bus.publish("events", RUNS[:3])
        await until(lambda: counted("events", "failed") >= failed + 3, "the failure", 5)
        ear.bus.publish("events", RUNS[3:])
        await until(lambda: counted("events", "dropped") == dropped + 2, "those that came too late", 5)
    assert counted("events", "published") == published


async def test_a_bus_that_is_away_for_long_goes_on_to_fail_though_nobody_speaks(
    server: RedisServer, redis_prefix: str
) -> None:
    """Else the alert would fall silent in a quiet night."""
    failed, published = counted("work", "failed"), counted("work", "published")
    async with bus_on(server.url, redis_prefix, "work", timeout_seconds=0.1) as ear:
        await ear.ready()
        server.kill()
        ear.bus.publish("work", RUNS[:1])
        await until(lambda: counted("work", "failed") >= failed + 3, "try after try", 10)
        server.restart()
        await until(lambda: counted("work", "published") == published + 1, "one word for all", 10)
        ended = counted("work", "failed")
        await hold(0.3)

        assert counted("work", "failed") == ended


async def test_what_does_not_fit_is_dropped(redis_url: str, redis_prefix: str) -> None:
    dropped = counted("work", "dropped")
    async with bus_on(redis_url, redis_prefix, "work", buffer_ids=4) as ear:
        await ear.ready()
        ear.bus.publish("work", RUNS)
        await until(lambda: counted("work", "dropped") == dropped + 5, "the count", 5)


def test_an_outbox_knows_what_it_forgot() -> None:
    outbox = Outbox(limit=2)
    outbox.add(RUNS[:2])
    assert outbox.take_dropped() == 0

    outbox.add(RUNS[2:3])
    outbox.add(RUNS[3:])

    assert (outbox.take_dropped(), outbox.take_dropped()) == (5, 0)
