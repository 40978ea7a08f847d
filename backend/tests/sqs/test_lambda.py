"""One invocation: what it answers, when, and what it leaves in the queue."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog.testing

from helium.adapters.aws_lambda import Invocations
from helium.adapters.aws_lambda.container import OpenExecute
from helium.kit.clock import SystemClock
from helium.ports import Ack, Bury, Delivery, Execute, Refuse, Verdict
from tests.contract.queues.side import Recorder
from tests.sqs.mapping import Remaining, handler_of, sqs_event
from tests.sqs.place import Place
from tests.support.processes import hold, until

_clock = SystemClock()


@asynccontextmanager
async def invoking(place: Place, open_execute: OpenExecute) -> AsyncGenerator[Invocations]:
    """The function of a container until the end of the block."""
    handler = handler_of(place, open_execute)
    try:
        yield handler
    finally:
        await asyncio.to_thread(handler.close)


def always(execute: Execute) -> OpenExecute:
    """Executes on the container's own loop."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Execute]:
        yield execute

    return opened


async def batch(place: Place, *bodies: str) -> tuple[dict[str, Any], dict[str, str]]:
    """An event with these messages; and their ids by their bodies."""
    for body in bodies:
        await place.send(body)
    messages = await place.take()
    assert sorted(message["Body"] for message in messages) == sorted(bodies)
    return sqs_event(place, messages), {message["Body"]: message["MessageId"] for message in messages}


async def invoked(handler: Invocations, event: object, seconds: float = 30.0) -> list[str]:
    """The ids that the function names as failed, while Lambda still listens."""
    remaining = Remaining(seconds)
    answer = await asyncio.to_thread(handler, event, remaining)
    assert remaining.get_remaining_time_in_millis() > 0
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


async def by_body(delivery: Delivery) -> Verdict:
    if delivery.body == "bug":
        raise ZeroDivisionError("a bug")
    return {"refused": Refuse(1), "bad": Bury("not a run")}.get(delivery.body, Ack())


async def endless(delivery: Delivery) -> Verdict:
    if delivery.body == "good":
        return Ack()
    await asyncio.Event().wait()
    raise AssertionError("nobody ends this")


@pytest.mark.parametrize("failing", ["refused", "bug"])
async def test_of_a_batch_only_what_failed_is_named(place: Place, failing: str) -> None:
    event, ids = await batch(place, "one", failing, "two", "bad")
    async with invoking(place, always(by_body)) as handler:
        with structlog.testing.capture_logs():
            assert await invoked(handler, event) == [ids[failing]]


async def test_a_refused_message_is_hidden_for_its_seconds_only(place: Place) -> None:
    event, _ = await batch(place, "refused")
    async with invoking(place, always(by_body)) as handler:
        await invoked(handler, event)
    assert await place.take() == []

    async def is_back() -> bool:
        return len(await place.take()) == 1

    await until(is_back, "the message, long before the queue's visibility ends", 5)


async def test_a_worn_message_is_copied_and_not_named(place: Place) -> None:
    event, _ = await batch(place, "refused")
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "5"
    async with invoking(place, always(by_body)) as handler:
        assert await invoked(handler, event) == []
    assert (await place.counts())["ApproximateNumberOfMessagesDelayed"] == 1


async def test_a_buried_message_is_not_named_and_among_the_dead(place: Place) -> None:
    event, _ = await batch(place, "bad")
    async with invoking(place, always(by_body)) as handler:
        assert await invoked(handler, event) == []
    (dead,) = await place.dead_letters()
    assert dead["MessageAttributes"]["helium_reason"]["StringValue"] == "not a run"


async def test_what_ignores_its_deadline_is_cancelled_named_and_given_back(place: Place) -> None:
    event, ids = await batch(place, "good", "endless")
    async with invoking(place, always(endless)) as handler:
        assert await invoked(handler, event, 3.0) == [ids["endless"]]
    assert [message["Body"] for message in await place.take()] == ["endless"]


async def test_what_ignores_its_cancellation_is_named_in_time(place: Place) -> None:
    async def stubborn(delivery: Delivery) -> Verdict:
        while delivery.body != "good":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if closing.is_set():
                    raise
        return Ack()

    closing = threading.Event()
    event, ids = await batch(place, "good", "run")
    async with invoking(place, always(stubborn)) as handler:
        assert await invoked(handler, event, 3.0) == [ids["run"]]
        closing.set()


async def test_a_loop_that_is_stuck_does_not_keep_the_answer(place: Place) -> None:
    free = threading.Event()

    async def stuck(delivery: Delivery) -> Verdict:
        end = _clock.monotonic() + 20
        while not free.is_set() and _clock.monotonic() < end:
            pass
        return Ack()

    event, ids = await batch(place, "run")
    async with invoking(place, always(stuck)) as handler:
        with structlog.testing.capture_logs() as told:
            assert await invoked(handler, event, 3.0) == [ids["run"]]
        free.set()
    assert "lambda.stuck" in [entry["event"] for entry in told]


async def test_the_deadline_that_is_told_lies_before_lambdas_end(place: Place) -> None:
    execute = Recorder()
    event, _ = await batch(place, "run")
    async with invoking(place, always(execute)) as handler:
        await invoked(handler, event, 10.0)
    (seconds,) = [delivery.seconds for delivery in execute.seen]
    assert seconds is not None
    assert 5.0 < seconds <= 8.0


async def test_a_batch_is_worked_on_side_by_side(place: Place) -> None:
    together = asyncio.Barrier(3)

    async def meet(delivery: Delivery) -> Verdict:
        await together.wait()
        return Ack()

    event, _ = await batch(place, "one", "two", "three")
    async with invoking(place, always(meet)) as handler:
        assert await invoked(handler, event, 10.0) == []


async def test_a_warm_start_uses_what_the_cold_one_opened(place: Place) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    told: list[str] = []

    async def execute(delivery: Delivery) -> Verdict:
        loops.append(asyncio.get_running_loop())
        return Ack()

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Execute]:
        told.append("opened")
        yield execute
        told.append("closed")

    async with invoking(place, opened) as handler:
        for body in ("first", "second"):
            event, _ = await batch(place, body)
            assert await invoked(handler, event) == []
        assert told == ["opened"]
    assert told == ["opened", "closed"]
    assert loops[0] is loops[1]
    assert loops[0] is not asyncio.get_running_loop()


async def test_what_cannot_be_opened_fails_the_batch_and_is_tried_again(place: Place) -> None:
    tries: list[int] = []

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Execute]:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("no database")
        yield by_body

    event, ids = await batch(place, "run")
    async with invoking(place, opened) as handler:
        with structlog.testing.capture_logs() as told:
            assert await invoked(handler, event) == [ids["run"]]
        assert [entry["event"] for entry in told] == ["lambda.not_opened"]
        assert await invoked(handler, event) == []


@pytest.mark.parametrize(
    "event",
    [None, [], "x", {}, {"Records": []}, {"Records": [{"messageId": "m"}]}, {"source": "aws.events"}],
)
async def test_a_malformed_event_fails_as_a_whole_and_is_told_once(place: Place, event: object) -> None:
    async with invoking(place, always(by_body)) as handler:
        with structlog.testing.capture_logs() as told:
            assert await invoked(handler, event) == [""]  # an empty name: Lambda takes all as failed
        assert [entry["event"] for entry in told] == ["lambda.malformed_event"]
        good, _ = await batch(place, "run")
        assert await invoked(handler, good) == []


async def test_a_container_that_ends_gives_back_what_is_under_way(place: Place) -> None:
    begun = threading.Event()

    async def held(delivery: Delivery) -> Verdict:
        begun.set()
        return await endless(delivery)

    event, ids = await batch(place, "run")
    handler = handler_of(place, always(held))
    invocation = asyncio.create_task(invoked(handler, event, 60.0))
    await until(begun.is_set, "the execution")
    await asyncio.to_thread(handler.close)
    assert await invocation == [ids["run"]]
    await hold(0.05)
    assert [message["Body"] for message in await place.take()] == ["run"]
