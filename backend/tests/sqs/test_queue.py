"""Batches, of which some entries fail; the limits of SQS; burials."""

from typing import Any

import pytest

from helium.adapters.sqs import AwsAccess, SqsFailed, SqsQueue, open_queue
from helium.adapters.sqs.queue import Hide, Letter, Received
from helium.kit.clock import SystemClock
from tests.engine.fakes import SkippingClock
from tests.sqs.faulty import Failed, Faulty, Request, failed
from tests.sqs.place import Place


def letters(count: int) -> list[Letter]:
    return [Letter(body=f"run {number}") for number in range(count)]


def once(*bad: str) -> Any:
    """These entries fail the first time that they are sent."""
    left = set(bad)

    def fails(name: str, request: Request) -> list[Failed]:
        found = [entry for entry in request["Entries"] if entry["Id"] in left]
        left.difference_update(entry["Id"] for entry in found)
        return [failed(entry) for entry in found]

    return fails


async def test_an_entry_that_was_not_sent_is_sent_again(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    faulty.fails = once("1", "4")

    assert await queue.send(letters(5)) == [None] * 5

    assert [len(request["Entries"]) for request in faulty.named("send_message_batch")] == [3, 2]
    assert sorted(message["Body"] for message in await place.take()) == [f"run {n}" for n in range(5)]


async def test_an_entry_that_was_not_deleted_is_deleted_again(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    await queue.send(letters(3))
    receipts = [message["ReceiptHandle"] for message in await place.take()]
    faulty.fails = once("0", "2")

    assert await queue.delete(receipts) == [None] * 3

    assert await place.left() == 0


async def test_an_entry_that_is_wrong_is_not_tried_again(faulty: Faulty, queue: SqsQueue) -> None:
    faulty.fails = lambda name, request: [
        failed(entry, sender=True) for entry in request["Entries"] if entry["Id"] == "1"
    ]

    first, second = await queue.send(letters(2))

    assert first is None
    assert isinstance(second, SqsFailed)
    assert len(faulty.named("send_message_batch")) == 1


async def test_an_entry_that_always_fails_is_given_up(place: Place, faulty: Faulty) -> None:
    faulty.fails = lambda name, request: [failed(entry) for entry in request["Entries"]]
    queue = SqsQueue(faulty, SkippingClock(), name=place.name)

    (result,) = await queue.send(letters(1))

    assert isinstance(result, SqsFailed)
    assert len(faulty.named("send_message_batch")) == 4


async def test_more_than_ten_go_in_several_requests_in_their_order(faulty: Faulty, queue: SqsQueue) -> None:
    faulty.fails = lambda name, request: [
        failed(entry, sender=True) for entry in request["Entries"] if entry["MessageBody"] == "run 17"
    ]

    results = await queue.send(letters(25))

    assert [number for number, result in enumerate(results) if result is not None] == [17]
    sizes = sorted(len(request["Entries"]) for request in faulty.named("send_message_batch"))
    assert sizes == [5, 9, 10]


async def test_of_several_changes_of_one_message_the_last_holds(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    await place.send("run")
    (message,) = await place.take()

    await queue.hide([Hide(message["ReceiptHandle"], 30), Hide(message["ReceiptHandle"], 0)])

    (request,) = faulty.named("change_message_visibility_batch")
    assert [entry["VisibilityTimeout"] for entry in request["Entries"]] == [0]
    assert len(await place.take()) == 1


@pytest.mark.parametrize(
    ("passed", "wanted", "hidden"),
    [(0, 0.2, 1), (0, 60, 60), (10, 50_000, 43_190), (43_199.5, 60, 0), (50_000, 60, 0)],
)
def test_a_message_is_hidden_for_twelve_hours_at_most(passed: float, wanted: float, hidden: int) -> None:
    received = Received(body="", receipt="", receives=1, at=1000.0)

    assert received.hidden_seconds(wanted, 1000.0 + passed) == hidden


async def test_a_queue_that_does_not_exist_is_a_failure_of_each_entry(place: Place) -> None:
    async with open_queue(place.access, SystemClock(), name="not-there") as queue:
        (result,) = await queue.send(letters(1))
        assert isinstance(result, SqsFailed)
        with pytest.raises(SqsFailed, match=r"QueueDoesNotExist|NonExistentQueue"):
            await queue.receive(1, wait_seconds=0, visibility_seconds=1)


async def test_a_queue_can_be_given_by_its_address(place: Place, faulty: Faulty) -> None:
    queue = SqsQueue(faulty, SystemClock(), name="another", url=place.url())

    assert await queue.send(letters(1)) == [None]

    assert await place.left() == 1
    assert faulty.named("get_queue_url") == []


def test_a_secret_key_is_not_shown() -> None:
    assert "hush" not in repr(AwsAccess(access_key_id="id", secret_access_key="hush"))
