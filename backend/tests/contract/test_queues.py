"""What every queue does for us, on real counterparts of their services (I8, A4, F11 to F13)."""

import asyncio
import importlib
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
import structlog.testing

from helium.kit.clock import SystemClock
from helium.ports import Bury, Execute, Refuse
from tests.contract.queues.side import (
    Bounded,
    Broken,
    Held,
    Hiding,
    Killable,
    Limited,
    OpenQueue,
    QueueSide,
    Recorder,
    Stoppable,
    counts,
    counts_deaths,
    takes_empty,
)
from tests.support.processes import BACKEND, hold, until

KINDS = ("local", "dramatiq", "sqs", "lambda_", "cloud_tasks")
ALLOWANCE_SECONDS = 0.05
"""Between two readings of the clock."""
REDELIVERY_SECONDS = 60.0
_clock = SystemClock()


SIDES: list[QueueSide] = [importlib.import_module(f"tests.contract.queues.{kind}").SIDE for kind in KINDS]


def over(sides: Sequence[QueueSide]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("side", sides, ids=lambda side: side.name)


every_side = over(SIDES)
STRANGE = {
    "garbage": "{\"run\": 'x' \\ \x7f",
    "empty": "",
    "long": "a line\n" * 1500,
    "emoji": "🦀 über \U0001f9d1‍🚀",
}


@asynccontextmanager
async def working(side: QueueSide, execute: Execute) -> AsyncGenerator[OpenQueue]:
    """An empty queue with a consumer on it."""
    async with side.open() as queue, queue.consumer(execute):
        yield queue


async def all_done(queue: OpenQueue) -> None:
    async def none_left() -> bool:
        return await queue.left() == 0

    await until(none_left, "no message left", REDELIVERY_SECONDS)


def new_runs(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


@every_side
async def test_a_rung_run_is_delivered(side: QueueSide) -> None:
    execute, runs = Recorder(), new_runs(1)
    async with working(side, execute) as queue:
        await queue.bell.ring(runs)
        await until(lambda: len(execute.seen) == 1, "a delivery")
        assert execute.runs() == runs
        assert execute.seen[0].deliveries == 1


@every_side
async def test_many_rung_runs_are_all_delivered(side: QueueSide) -> None:
    execute, runs = Recorder(), new_runs(200)
    async with working(side, execute) as queue:
        await queue.bell.ring(runs[:100])
        await asyncio.gather(*(queue.bell.ring([run]) for run in runs[100:]))
        await all_done(queue)
        assert set(execute.runs()) == set(runs)


@every_side
async def test_a_delayed_ring_waits_for_its_delay(side: QueueSide) -> None:
    execute, runs = Recorder(), new_runs(1)
    delay = max(0.5, 2 * side.delay_step)
    async with working(side, execute) as queue:
        rung = _clock.monotonic()
        await queue.bell.ring(runs, delay)
        await until(lambda: len(execute.seen) == 1, "a delivery")
        assert execute.at[0] - rung >= delay - side.delay_step - ALLOWANCE_SECONDS
        assert execute.runs() == runs


@every_side
async def test_ten_rings_for_one_run_are_ten_deliveries(side: QueueSide) -> None:
    execute, runs = Recorder(), new_runs(1)
    async with working(side, execute) as queue:
        await asyncio.gather(*(queue.bell.ring(runs) for _ in range(10)))
        await until(lambda: len(execute.seen) >= 10, "ten deliveries")
        assert set(execute.runs()) == set(runs)


@every_side
async def test_messages_wait_for_a_consumer(side: QueueSide) -> None:
    before, after, runs = Recorder(), Recorder(), new_runs(3)
    async with side.open() as queue:
        async with queue.consumer(before):
            pass
        await queue.bell.ring(runs)
        assert await queue.left() == 3
        async with queue.consumer(after):
            await all_done(queue)
    assert set(after.runs()) == set(runs)
    assert before.seen == []


@every_side
async def test_an_acknowledged_message_is_gone(side: QueueSide) -> None:
    execute = Recorder()
    async with working(side, execute) as queue:
        await queue.bell.ring(new_runs(1))
        await until(lambda: len(execute.seen) == 1, "a delivery")
        await all_done(queue)
        assert len(execute.seen) == 1
        assert list(await queue.buried()) == []


@every_side
async def test_a_refused_message_comes_again_after_its_seconds(side: QueueSide) -> None:
    seconds = max(0.5, 2 * side.delay_step)
    execute, runs = Recorder([Refuse(seconds)]), new_runs(1)
    async with working(side, execute) as queue:
        await queue.bell.ring(runs)
        await until(lambda: len(execute.seen) == 2, "a second delivery")
        assert execute.at[1] - execute.at[0] >= seconds - side.delay_step - ALLOWANCE_SECONDS
        assert execute.runs() == runs * 2
        await all_done(queue)


@every_side
async def test_a_message_is_not_buried_for_thirty_refusals(side: QueueSide) -> None:
    execute, runs = Recorder([Refuse(0.01)] * 30), new_runs(1)
    async with working(side, execute) as queue:
        await queue.bell.ring(runs)
        await until(lambda: len(execute.seen) >= 31, "31 deliveries", 90)
        assert set(execute.runs()) == set(runs)
        await all_done(queue)
        assert list(await queue.buried()) == []


@over([side for side in SIDES if counts(side)])
async def test_deliveries_are_counted(side: QueueSide) -> None:
    execute = Recorder([Refuse(0.01), Refuse(0.01)])
    async with working(side, execute) as queue:
        await queue.bell.ring(new_runs(1))
        await until(lambda: len(execute.seen) == 3, "three deliveries")
        assert [delivery.deliveries for delivery in execute.seen] == [1, 2, 3]


@every_side
async def test_a_buried_message_is_kept_for_a_person(side: QueueSide) -> None:
    execute, runs = Recorder([Bury("nobody can work on it")]), new_runs(1)
    async with working(side, execute) as queue:

        async def is_buried() -> bool:
            return list(await queue.buried()) == [str(runs[0])]

        await queue.bell.ring(runs)
        await until(is_buried, "a message in the dead-letter queue")
        await all_done(queue)
        assert len(execute.seen) == 1


@pytest.mark.parametrize("kind", STRANGE)
@every_side
async def test_a_strangers_message_is_delivered_as_it_is(side: QueueSide, kind: str) -> None:
    body = STRANGE[kind]
    if kind == "empty" and not takes_empty(side):
        body = " "  # the least that it takes
    execute = Recorder([Bury("not a run")])
    async with working(side, execute) as queue:

        async def is_buried() -> bool:
            return list(await queue.buried()) == [body]

        await queue.send(body)
        await until(is_buried, "a message in the dead-letter queue")
        assert [delivery.body for delivery in execute.seen] == [body]
        await all_done(queue)


@pytest.mark.parametrize("cancelled", [False, True], ids=["ends", "is cancelled"])
@every_side
async def test_a_consumer_that_stops_gives_back_what_is_under_way(side: QueueSide, cancelled: bool) -> None:
    held, execute, runs = Held(), Recorder(), new_runs(2)
    async with side.open() as queue:

        async def consume() -> None:
            async with queue.consumer(held):
                await until(lambda: held.under_way == 2, "two executions")
                if cancelled:
                    await asyncio.Event().wait()

        await queue.bell.ring(runs)
        first = asyncio.create_task(consume())
        if cancelled:
            await until(lambda: held.under_way == 2, "two executions")
            first.cancel()
        (outcome,) = await asyncio.gather(first, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError) if cancelled else outcome is None
        assert (held.began, held.under_way, held.cancelled) == (2, 0, 2)
        async with queue.consumer(execute):
            await until(lambda: set(execute.runs()) == set(runs), "the next consumer", REDELIVERY_SECONDS)
            assert not counts(side) or all(delivery.deliveries >= 2 for delivery in execute.seen)
            await all_done(queue)


@pytest.mark.process
@over([side for side in SIDES if isinstance(side, Killable)])
async def test_a_killed_consumers_message_is_delivered_again(side: QueueSide) -> None:
    assert isinstance(side, Killable)
    execute, runs = Recorder(), new_runs(1)
    async with side.open() as queue:
        await queue.bell.ring(runs)
        command = side.kill_command(queue)
        child = await asyncio.create_subprocess_exec(*command, cwd=BACKEND, stdout=asyncio.subprocess.PIPE)
        try:
            assert child.stdout is not None
            begun = await asyncio.wait_for(child.stdout.readline(), 30)
        finally:
            child.kill()
            await child.wait()
        assert begun.decode().strip() == str(runs[0])
        async with queue.consumer(execute):
            await until(lambda: execute.runs() == runs, "a second delivery", REDELIVERY_SECONDS)
            assert not counts_deaths(side) or execute.seen[0].deliveries >= 2
            await all_done(queue)


@over([side for side in SIDES if isinstance(side, Hiding)])
async def test_a_slow_execution_keeps_its_message(side: QueueSide) -> None:
    assert isinstance(side, Hiding)
    held = Held()
    async with working(side, held) as queue:
        await queue.bell.ring(new_runs(1))
        await until(lambda: held.under_way == 1, "an execution")
        await hold(2.5 * side.hidden_seconds)
        assert held.began == 1
        held.release.set()
        await all_done(queue)
        assert held.began == 1


@every_side
async def test_an_unexpected_error_is_told_once_and_tried_again(
    side: QueueSide, caplog: pytest.LogCaptureFixture
) -> None:
    execute, runs = Broken(), new_runs(1)
    with structlog.testing.capture_logs() as told:
        async with working(side, execute) as queue:
            await queue.bell.ring(runs)
            await until(lambda: len(execute.seen) == 2, "a second delivery", REDELIVERY_SECONDS)
            await all_done(queue)
    assert [delivery.body for delivery in execute.seen] == [str(runs[0])] * 2
    errors = [entry["event"] for entry in told if entry["log_level"] in ("error", "critical")]
    errors += [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1, errors


@over([side for side in SIDES if isinstance(side, Bounded)])
async def test_the_platforms_deadline_is_told(side: QueueSide) -> None:
    assert isinstance(side, Bounded)
    execute = Recorder()
    async with working(side, execute) as queue:
        await queue.bell.ring(new_runs(1))
        await until(lambda: len(execute.seen) == 1, "a delivery")
        seconds = execute.seen[0].seconds
        assert seconds is not None
        assert 0 < seconds <= side.deadline_seconds


@over([side for side in SIDES if isinstance(side, Limited)])
async def test_no_more_messages_than_the_limit_are_worked_on(side: QueueSide) -> None:
    assert isinstance(side, Limited)
    held, count = Held(), side.concurrency + 1
    async with working(side, held) as queue:
        await queue.bell.ring(new_runs(count))
        await until(lambda: held.under_way == side.concurrency, "as many as the limit")
        held.release.set()
        await until(lambda: held.began == count, "all")
        await all_done(queue)
    assert held.most == side.concurrency


@pytest.mark.process
@over([side for side in SIDES if isinstance(side, Stoppable)])
async def test_a_ring_survives_a_service_that_is_away(side: QueueSide) -> None:
    assert isinstance(side, Stoppable)
    execute, lost, runs = Recorder(), new_runs(3), new_runs(3)
    async with working(side, execute) as queue:
        async with side.away(queue):
            began = _clock.monotonic()
            await asyncio.gather(queue.bell.ring(lost), *(queue.bell.ring([run]) for run in lost))
            assert _clock.monotonic() - began < side.ring_seconds + 1
        await queue.bell.ring(runs)
        await until(lambda: set(execute.runs()) >= set(runs), "deliveries", REDELIVERY_SECONDS)
