"""From the ring to the verdict through a queue with limits: what must not be lost is not lost."""

import asyncio
from uuid import uuid4

import pytest
import structlog.testing
from google.cloud.tasks_v2 import Task as HttpTask

from helium.adapters.cloud_tasks import push
from helium.ports import Bury, Refuse
from tests.cloud_tasks.fake_queue import Behaviour
from tests.cloud_tasks.issuer import Issuer
from tests.contract.queues.cloud_tasks import OpenCloudTasks, opened
from tests.contract.queues.side import Held, Recorder
from tests.support.cloud_tasks_server import duration
from tests.support.processes import until


async def gone(queue: OpenCloudTasks) -> None:
    await until(lambda: not queue.alive.entries, "an empty queue")


@pytest.mark.parametrize("short_seconds", [0.0, 1.0], ids=["fresh tasks", "retries and fresh tasks"])
async def test_thirty_refusals_do_not_reach_five_attempts(
    monkeypatch: pytest.MonkeyPatch, short_seconds: float
) -> None:
    monkeypatch.setattr(push, "SHORT_SECONDS", short_seconds)
    execute, runs = Recorder([Refuse(0.01)] * 30), [uuid4()]
    async with opened(max_attempts=5) as queue, queue.consumer(execute):
        await queue.bell.ring(runs)
        await until(lambda: len(execute.seen) == 31, "the last delivery")
        await gone(queue)
        assert queue.alive.dropped == []
    assert [delivery.deliveries for delivery in execute.seen] == list(range(1, 32))
    assert set(execute.runs()) == set(runs)


async def test_long_refusals_do_not_slow_the_queue_down() -> None:
    async with opened(behaviour=Behaviour(throttles=True)) as queue:
        async with queue.consumer(Recorder([Refuse(1.01)] * 20)):
            await queue.bell.ring([uuid4() for _ in range(20)])
            await gone(queue)
        assert queue.alive.least_share == 1.0
        async with queue.consumer(Recorder([Refuse(0.01)])):
            await queue.bell.ring([uuid4()])
            await gone(queue)
        assert queue.alive.least_share == 0.5


async def test_a_push_over_its_dispatch_deadline_is_delivered_again_while_it_still_runs() -> None:
    held = Held()
    async with opened(behaviour=Behaviour(least_deadline_seconds=0)) as queue, queue.consumer(held):
        await queue.send(str(uuid4()))
        await queue.client.create_task(parent=queue.alive.config.name, task=short_lived(queue, 0.3))
        await until(lambda: held.began == 3, "a delivery after the deadline")
        assert (held.under_way, held.cancelled) == (3, 0)
        held.release.set()
        await gone(queue)


def short_lived(queue: OpenCloudTasks, seconds: float) -> HttpTask:
    """A task like the one that is in the queue, with another deadline."""
    (entry,) = queue.alive.entries.values()
    return HttpTask(http_request=entry.task.http_request, dispatch_deadline=duration(seconds))


async def test_a_buried_message_can_be_pushed_again_by_a_person() -> None:
    execute, runs = Recorder([Bury("x")]), [uuid4()]
    async with opened() as queue, queue.consumer(execute):
        await queue.bell.ring(runs)
        await until(lambda: len(queue.dead.entries) == 1, "a buried message")
        assert len(execute.seen) == 1
        queue.dead.set_state(queue.alive.config.state)
        await until(lambda: not queue.dead.entries, "an empty dead-letter queue")
    assert execute.runs() == runs * 2


async def test_a_dead_letter_queue_that_is_missing_loses_nothing() -> None:
    execute = Recorder([Bury("x"), Bury("x"), Bury("x")])
    async with opened() as queue, queue.consumer(execute):
        dead = queue.server.queues.pop(queue.dead.config.name)
        with structlog.testing.capture_logs():
            await queue.bell.ring([uuid4()])
            await until(lambda: len(execute.seen) == 2, "a second delivery")
        queue.server.queues[queue.dead.config.name] = dead
        await gone(queue)


async def test_rotating_keys_under_load_cause_no_false_401() -> None:
    execute, runs = Recorder(), [uuid4() for _ in range(200)]
    async with opened() as queue, queue.consumer(execute):
        issuer: Issuer = queue.server.issuer
        rings = asyncio.gather(*(queue.bell.ring([run]) for run in runs))
        for delivered in (20, 80, 140):
            await until(lambda least=delivered: len(execute.seen) >= least, "some deliveries")
            issuer.rotate()
        await rings
        await gone(queue)
        assert [entry.previous for entry in queue.alive.done] == [None] * 200
    assert set(execute.runs()) == set(runs)
