"""Receiving: what stays hidden, what comes back, and what happens when SQS goes away."""

import asyncio

import structlog.testing

from helium.adapters.sqs import SqsConsumer, SqsQueue, open_queue
from helium.kit.clock import ManualClock, SystemClock
from helium.ports import Ack, Bury, Delivery, Refuse, Verdict
from tests.contract.queues.side import Broken, Held, Recorder
from tests.contract.queues.sqs import consuming
from tests.sqs.faulty import Faulty, failed
from tests.sqs.place import Place, open_place
from tests.support.moto_server import moto_server
from tests.support.processes import hold, until


async def test_a_message_stays_hidden_longer_than_its_visibility(place: Place, queue: SqsQueue) -> None:
    held = Held()
    await place.send("run")
    async with consuming(queue, held, visibility_seconds=2):
        await until(lambda: held.began == 1, "an execution")
        await hold(5)
        assert held.began == 1
        assert await place.take() == []
        held.release.set()
        await until(lambda: held.under_way == 0, "its end")


async def test_an_old_heartbeat_does_not_undo_a_refusal(place: Place, faulty: Faulty) -> None:
    clock, release = ManualClock(), asyncio.Event()
    queue = SqsQueue(faulty, clock, name=place.name)

    async def refuse(delivery: Delivery) -> Verdict:
        await release.wait()
        return Refuse(1)

    await place.send("run")
    consumer = SqsConsumer(queue, refuse, clock, wait_seconds=1)
    serving = asyncio.create_task(consumer.serve())
    name = "change_message_visibility_batch"
    gate = faulty.gate[name] = asyncio.Event()

    async def beats() -> bool:
        clock.advance(20)
        await hold(0.05)
        return len(faulty.named(name)) == 1

    await until(beats, "a heartbeat")
    consumer.stop()
    release.set()
    await hold(0.2)
    assert len(faulty.named(name)) == 1
    gate.set()
    await until(lambda: len(faulty.named(name)) == 2, "the refusal")
    serving.cancel()
    await asyncio.wait({serving})
    assert [request["Entries"][0]["VisibilityTimeout"] for request in faulty.named(name)] == [60, 1]


async def test_what_was_under_way_is_there_for_others_at_once(place: Place, queue: SqsQueue) -> None:
    held = Held()
    await place.send("run")
    async with consuming(queue, held, visibility_seconds=300):
        await until(lambda: held.began == 1, "an execution")
    assert [message["Body"] for message in await place.take()] == ["run"]


async def test_what_the_last_poll_brings_is_there_for_others_at_once(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    execute = Recorder()
    answered = faulty.late["receive_message"] = asyncio.Event()
    await place.send("run")
    async with consuming(queue, execute, visibility_seconds=300):

        async def is_taken() -> bool:
            return (await place.counts())["ApproximateNumberOfMessagesNotVisible"] == 1

        await until(is_taken, "a poll that took it")
        asyncio.get_running_loop().call_later(0.2, answered.set)
    assert execute.seen == []
    assert [message["Body"] for message in await place.take()] == ["run"]


async def test_a_verdict_that_was_given_is_carried_out_at_the_end(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    execute = Recorder()
    gate = faulty.gate["delete_message_batch"] = asyncio.Event()
    await place.send("run")
    async with consuming(queue, execute):
        await until(lambda: len(faulty.named("delete_message_batch")) == 1, "a deletion")
        asyncio.get_running_loop().call_later(2.5, gate.set)  # when the last poll has ended
    assert await place.left() == 0


async def test_a_consumer_that_is_stopped_finishes_and_receives_nothing(
    place: Place, queue: SqsQueue
) -> None:
    held = Held()
    consumer = SqsConsumer(queue, held, SystemClock(), wait_seconds=1)
    serving = asyncio.create_task(consumer.serve())
    await place.send("first")
    await until(lambda: held.began == 1, "an execution")
    consumer.stop()
    held.release.set()
    await place.send("second")

    async def one_left() -> bool:
        return await place.left() == 1

    await until(one_left, "the first is done")
    await hold(1)
    assert (held.began, [each["Body"] for each in await place.take()]) == (1, ["second"])
    serving.cancel()
    await asyncio.wait({serving})


async def test_no_more_is_received_than_can_begin(place: Place, faulty: Faulty, queue: SqsQueue) -> None:
    held = Held()
    await queue.send([])
    for number in range(6):
        await place.send(str(number))
    async with consuming(queue, held, concurrency=4):
        await until(lambda: held.under_way == 4, "as many as there is room")
        await hold(0.5)
        asked = [request["MaxNumberOfMessages"] for request in faulty.named("receive_message")]
        assert asked[0] == 4
        assert (await place.counts())["ApproximateNumberOfMessages"] == 2


async def test_the_dead_have_their_reason(place: Place, queue: SqsQueue) -> None:
    await place.send("not a run")
    async with consuming(queue, Recorder([Bury("not the id of a run")])):

        async def none_left() -> bool:
            return await place.left() == 0

        await until(none_left, "the burial")
    (dead,) = await place.dead_letters()
    assert dead["Body"] == "not a run"
    assert dead["MessageAttributes"]["helium_reason"]["StringValue"] == "not the id of a run"


async def test_a_failing_execution_ends_among_the_dead() -> None:
    """Unlike a refusal: its receives count."""
    execute = Broken(times=100)
    async with open_place(max_receives=2) as place:
        queue = SqsQueue(place.api, SystemClock(), name=place.name)
        with structlog.testing.capture_logs() as told:
            async with consuming(queue, execute):

                async def is_dead() -> bool:
                    return await place.buried() == ["run"]

                await place.send("run")
                await until(is_dead, "a dead message", 60)
    assert [delivery.deliveries for delivery in execute.seen] == [1, 2]
    assert [entry["event"] for entry in told] == ["delivery.received", "delivery.failed"] * 2


async def test_a_consumer_outlives_its_service() -> None:
    execute = Recorder()
    with moto_server() as moto, structlog.testing.capture_logs() as told:
        async with (
            open_place(moto=moto) as place,
            open_queue(place.access, SystemClock(), name=place.name) as queue,
            consuming(queue, execute),
        ):
            await place.send("before")
            await until(lambda: len(execute.seen) == 1, "a delivery")
            moto.kill()
            await until(lambda: any(entry["event"] == "queue.away" for entry in told), "the outage")
            moto.restart()
            await place.make()
            await place.send("after")
            await until(lambda: len(execute.seen) == 2, "a delivery", 60)
    assert [delivery.body for delivery in execute.seen] == ["before", "after"]
    assert [entry["event"] for entry in told].count("queue.away") == 1


async def test_a_consumer_waits_for_a_queue_that_does_not_exist_yet() -> None:
    execute = Recorder([Ack()])
    async with open_place() as other:
        place = Place(
            moto=other.moto, api=other.api, name=f"{other.name}-late", max_receives=5, visibility_seconds=30
        )
        with structlog.testing.capture_logs() as told:
            queue = SqsQueue(place.api, SystemClock(), name=place.name)
            async with consuming(queue, execute):
                await until(lambda: bool(told), "the outage")
                await place.make()
                await place.send("run")
                await until(lambda: len(execute.seen) == 1, "a delivery", 60)


async def test_a_failing_heartbeat_is_told_once(place: Place, faulty: Faulty, queue: SqsQueue) -> None:
    name, held = "change_message_visibility_batch", Held()
    faulty.fails = lambda called, request: [
        failed(entry, sender=True) for entry in request["Entries"] if called == name
    ]
    await place.send("run")
    with structlog.testing.capture_logs() as told:
        async with consuming(queue, held, visibility_seconds=3):
            await until(lambda: len(faulty.named(name)) >= 2, "two heartbeats")
            held.release.set()
            await until(lambda: held.under_way == 0, "its end")
    assert [entry["event"] for entry in told].count("queue.upkeep.away") == 1


async def test_nothing_is_received_before_the_policy_is_known(
    place: Place, faulty: Faulty, queue: SqsQueue
) -> None:
    execute = Recorder()
    gate = faulty.gate["get_queue_attributes"] = asyncio.Event()
    await place.send("run")
    async with consuming(queue, execute):
        await until(lambda: len(faulty.named("get_queue_attributes")) == 1, "the question")
        assert faulty.named("receive_message") == []
        gate.set()
        await until(lambda: len(execute.seen) == 1, "a delivery")
