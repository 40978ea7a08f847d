"""Ringing: in groups, within bounds, and without ever raising."""

import asyncio
from uuid import uuid4

import pytest
import structlog.testing

from helium.adapters.sqs import SqsQueue, open_bell, open_queue
from helium.kit.clock import SystemClock
from tests.sqs.faulty import Faulty, failed
from tests.sqs.place import Place, open_place
from tests.support.moto_server import moto_server
from tests.support.processes import until


async def test_while_one_group_is_sent_the_next_gathers(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    gate = faulty.gate["send_message_batch"] = asyncio.Event()
    async with open_bell(queue) as bell, asyncio.TaskGroup() as group:
        group.create_task(bell.ring([uuid4()]))
        await until(lambda: len(faulty.named("send_message_batch")) == 1, "the first request")
        for _ in range(20):
            group.create_task(bell.ring([uuid4()]))
        gate.set()
    sizes = [len(request["Entries"]) for request in faulty.named("send_message_batch")]
    assert sizes == [1, 10, 10]
    assert await place.left() == 21


async def test_a_ring_has_been_sent_when_it_returns(place: Place, queue: SqsQueue) -> None:
    async with open_bell(queue) as bell:
        await bell.ring([uuid4(), uuid4()])
        assert await place.left() == 2


@pytest.mark.parametrize(("delay", "kept"), [(0.0, 0), (0.2, 1), (30.0, 30), (86_400.0, 900), (-1.0, 0)])
async def test_a_delay_is_rounded_up_and_ends_at_a_quarter_of_an_hour(
    faulty: Faulty, queue: SqsQueue, delay: float, kept: int
) -> None:
    async with open_bell(queue) as bell:
        await bell.ring([uuid4()], delay)
    (request,) = faulty.named("send_message_batch")
    assert request["Entries"][0]["DelaySeconds"] == kept


async def test_an_outage_is_told_once_and_its_end_too() -> None:
    with moto_server() as moto:
        async with (
            open_place(moto=moto) as place,
            open_queue(place.access, SystemClock(), name=place.name) as queue,
            open_bell(queue) as bell,
        ):
            with structlog.testing.capture_logs() as told:
                moto.kill()
                await asyncio.gather(*(bell.ring([uuid4()]) for _ in range(30)))
                await bell.ring([uuid4()])
                await bell.settle()
                moto.restart()
                await place.make()
                await bell.ring([uuid4()])
                await bell.settle()
            assert await place.left() == 1
    assert [(entry["event"], entry["log_level"]) for entry in told] == [
        ("bell.away", "warning"),
        ("bell.back", "info"),
    ]


async def test_a_ring_does_not_wait_for_a_service_that_is_away(faulty: Faulty, queue: SqsQueue) -> None:
    faulty.fails = lambda name, request: [failed(entry, sender=True) for entry in request["Entries"]]
    async with open_bell(queue) as bell:
        await bell.ring([uuid4()])
        faulty.fails = lambda name, request: []
        gate = faulty.gate["send_message_batch"] = asyncio.Event()
        async with asyncio.timeout(1):
            await bell.ring([uuid4()])
        gate.set()


async def test_too_many_rings_are_dropped_and_told(place: Place, faulty: Faulty, queue: SqsQueue) -> None:
    gate = faulty.gate["send_message_batch"] = asyncio.Event()
    with structlog.testing.capture_logs() as told:
        async with open_bell(queue, buffer=5) as bell, asyncio.TaskGroup() as group:
            group.create_task(bell.ring([uuid4()]))
            await until(lambda: len(faulty.named("send_message_batch")) == 1, "the first request")
            group.create_task(bell.ring([uuid4() for _ in range(8)]))
            await until(lambda: bool(told), "the warning")
            gate.set()
    assert told[0] == {"event": "bell.lost", "log_level": "warning", "count": 3, "reason": "backlog"}
    assert await place.left() == 6


async def test_the_last_rings_are_sent_before_the_bell_ends(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    gate = faulty.gate["send_message_batch"] = asyncio.Event()
    async with open_bell(queue) as bell:
        ringing = asyncio.create_task(bell.ring([uuid4()]))
        await until(lambda: len(faulty.named("send_message_batch")) == 1, "a request")
        ringing.cancel()
        asyncio.get_running_loop().call_later(0.2, gate.set)
    assert await place.left() == 1


async def test_an_error_of_the_block_leaves_it_as_it_is(queue: SqsQueue) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_bell(queue):
            raise ZeroDivisionError
