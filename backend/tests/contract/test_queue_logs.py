"""Whatever the queue, what becomes of a message is told in the same words, and never what stands in it."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
import structlog.testing

from helium.kit.metrics.instruments import BELLS
from helium.ports import Ack, Bury, Execute, Refuse
from tests.contract.queues.side import Broken, QueueSide, Recorder, Stoppable
from tests.contract.test_queues import REDELIVERY_SECONDS, SIDES, all_done, new_runs, over, working
from tests.support.processes import until

Line = dict[str, Any]
DELIVERED = [side for side in SIDES if side.name != "local"]
"""The one in memory is for tests."""
CANARY = "canary-51c0"


def of_deliveries(told: Sequence[Any]) -> list[Line]:
    """What was told of messages, in its order, without what differs by nature."""
    lines = [dict(line) for line in told if line["event"].startswith("delivery.")]
    for line in lines:
        line.pop("exc_info", None)
    return lines


async def fate(side: QueueSide, execute: Execute, seen: Sequence[object], times: int) -> list[Line]:
    """What is told of one message that is delivered so many times."""
    with structlog.testing.capture_logs() as told:
        async with working(side, execute) as queue:
            await queue.bell.ring(new_runs(1))
            await until(lambda: len(seen) == times, f"{times} deliveries", REDELIVERY_SECONDS)
            await all_done(queue)
    return of_deliveries(told)


def received(deliveries: int) -> Line:
    return {"event": "delivery.received", "log_level": "debug", "deliveries": deliveries}


@over(DELIVERED)
async def test_a_refused_message_is_told_in_the_same_words(side: QueueSide) -> None:
    execute = Recorder([Refuse(1.5)])

    assert await fate(side, execute, execute.seen, 2) == [
        received(1),
        {"event": "delivery.refused", "log_level": "debug", "deliveries": 1, "seconds": 1.5},
        received(2),
    ]


@over(DELIVERED)
async def test_a_buried_message_is_told_in_the_same_words(side: QueueSide) -> None:
    execute = Recorder([Bury("why")])

    assert await fate(side, execute, execute.seen, 1) == [
        received(1),
        {"event": "delivery.buried", "log_level": "warning", "deliveries": 1, "reason": "why"},
    ]


@over(DELIVERED)
async def test_a_failed_execution_is_told_in_the_same_words(side: QueueSide) -> None:
    execute = Broken()

    assert await fate(side, execute, execute.seen, 2) == [
        received(1),
        {"event": "delivery.failed", "log_level": "error", "deliveries": 1},
        received(2),
    ]


@over(DELIVERED)
async def test_guard_what_stands_in_a_message_is_in_no_line(
    side: QueueSide, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it is refused, fails, is buried or cannot be read; libraries' lines are looked at too."""
    caplog.set_level(logging.WARNING)

    class Everything(Recorder):
        async def __call__(self, delivery: Any) -> Any:
            verdict = await super().__call__(delivery)
            if len(self.seen) == 2:
                raise ValueError(delivery.body)
            return verdict

    execute = Everything([Refuse(0.01), Ack(), Bury("why")])
    with structlog.testing.capture_logs() as told:
        async with working(side, execute) as queue:
            await queue.send(CANARY)
            await until(lambda: len(execute.seen) == 3, "three deliveries", REDELIVERY_SECONDS)
            await all_done(queue)

    # An exception's text does not get into a line for machines: see `observe/test_logs.py`.
    lines = [{key: value for key, value in line.items() if key != "exc_info"} for line in told]
    assert {line["event"] for line in lines} >= {"delivery.refused", "delivery.failed", "delivery.buried"}
    assert CANARY not in str(lines)
    assert CANARY not in caplog.text


def bells(outcome: str) -> float:
    return BELLS.of("queue", outcome).value


@over(DELIVERED)
async def test_rung_runs_are_counted(side: QueueSide) -> None:
    before = bells("published")
    async with side.open() as queue:
        await queue.bell.ring(new_runs(7))
        await until(lambda: bells("published") == before + 7, "seven")


@pytest.mark.process
@over([side for side in DELIVERED if isinstance(side, Stoppable)])
async def test_an_outage_is_told_once_by_who_sends_and_its_losses_are_counted(side: QueueSide) -> None:
    assert isinstance(side, Stoppable)
    lost = bells("failed") + bells("dropped")
    with structlog.testing.capture_logs() as told:
        async with side.open() as queue:
            async with side.away(queue):
                for _ in range(3):
                    await queue.bell.ring(new_runs(2))
                await until(lambda: bells("failed") + bells("dropped") >= lost + 2, "losses")

            async def back() -> bool:
                await queue.bell.ring(new_runs(1))
                return any(line["event"] == "bell.back" for line in told)

            await until(back, "its return", REDELIVERY_SECONDS)

    lines = [line for line in told if line["event"].startswith("bell.")]
    assert [(line["event"], sorted(line)) for line in lines] == [
        ("bell.away", ["error", "event", "log_level"]),
        ("bell.back", ["event", "failures", "log_level"]),
    ]
    assert lines[-1]["failures"] >= 1
