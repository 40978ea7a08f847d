"""What refusing and burying do to a message, and to its place among the dead."""

import structlog.testing

from helium.adapters.sqs import SqsQueue
from helium.adapters.sqs.queue import DELIVERIES, REASON, Hide, Received
from helium.adapters.sqs.verdicts import AGAIN_SECONDS, carry_out
from helium.kit.clock import SystemClock
from helium.ports import Ack, Bury, Refuse
from tests.sqs.faulty import Faulty, failed
from tests.sqs.place import Place, open_place
from tests.support.processes import until


async def received(queue: SqsQueue) -> Received:
    """The only message, when it can be received."""
    found: list[Received] = []

    async def is_there() -> bool:
        found.extend(await queue.receive(10, wait_seconds=0, visibility_seconds=60))
        return bool(found)

    await until(is_there, "a message")
    (only,) = found
    return only


async def test_thirty_refusals_do_not_make_a_message_dead(place: Place, queue: SqsQueue) -> None:
    await place.send("run")

    for count in range(1, 31):
        message = await received(queue)
        assert message.deliveries == count
        left = await carry_out(queue, message, Refuse(1), max_deliveries=20)
        if isinstance(left, Ack):
            await queue.delete([message.receipt])
        else:
            await queue.hide([Hide(message.receipt, 0)])

    assert await place.buried() == []
    assert await place.left() == 1


async def test_a_worn_message_is_replaced_by_one_that_is_delayed_as_long(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    message = Received(body="run", receipt="", receives=3, carried=7, at=0.0)

    assert await carry_out(queue, message, Refuse(5000.0), max_deliveries=20) == Ack()

    (request,) = faulty.named("send_message_batch")
    (entry,) = request["Entries"]
    assert (entry["MessageBody"], entry["DelaySeconds"]) == ("run", 900)
    assert entry["MessageAttributes"][DELIVERIES]["StringValue"] == "10"


async def test_half_of_the_receives_are_left_for_workers_that_die(faulty: Faulty, queue: SqsQueue) -> None:
    message = Received(body="run", receipt="", receives=2, carried=100, at=0.0)

    assert await carry_out(queue, message, Refuse(5.0), max_deliveries=20) == Refuse(5.0)

    assert faulty.named("send_message_batch") == []


async def test_a_copy_that_cannot_be_sent_leaves_the_message(faulty: Faulty, queue: SqsQueue) -> None:
    faulty.fails = lambda name, request: [failed(entry, sender=True) for entry in request["Entries"]]
    message = Received(body="run", receipt="", receives=3, at=0.0)

    assert await carry_out(queue, message, Refuse(5.0), max_deliveries=20) == Refuse(5.0)


async def test_a_refusal_lasts_a_second_at_least(queue: SqsQueue) -> None:
    message = Received(body="run", receipt="", receives=1, at=0.0)

    assert await carry_out(queue, message, Refuse(0.0), max_deliveries=20) == Refuse(1.0)


async def test_a_buried_message_is_among_the_dead_with_its_reason(place: Place, queue: SqsQueue) -> None:
    message = Received(body="not a run", receipt="", receives=2, carried=1, at=0.0)

    assert await carry_out(queue, message, Bury("no\x00 such\nrun"), max_deliveries=20) == Ack()

    (dead,) = await place.dead_letters()
    assert dead["Body"] == "not a run"
    said = {name: value["StringValue"] for name, value in dead["MessageAttributes"].items()}
    assert said == {REASON: "no  such run", DELIVERIES: "3"}


async def test_a_message_that_cannot_be_buried_is_kept(faulty: Faulty, queue: SqsQueue) -> None:
    faulty.fails = lambda name, request: [failed(entry, sender=True) for entry in request["Entries"]]
    message = Received(body="not a run", receipt="", receives=1, at=0.0)

    assert await carry_out(queue, message, Bury("why"), max_deliveries=20) == Refuse(AGAIN_SECONDS)


async def test_without_a_queue_of_the_dead_a_message_goes_after_its_last_delivery() -> None:
    async with open_place(max_receives=None) as place:
        queue = SqsQueue(place.api, SystemClock(), name=place.name)
        early, late = (Received(body="x", receipt="", receives=count, at=0.0) for count in (19, 20))
        with structlog.testing.capture_logs() as told:
            assert await carry_out(queue, early, Bury("why"), max_deliveries=20) == Refuse(AGAIN_SECONDS)
            assert await carry_out(queue, late, Bury("why"), max_deliveries=20) == Ack()
    assert [entry["event"] for entry in told if entry["log_level"] == "error"] == [
        "queue.no_dead_letter_queue"
    ] * 2
