"""SQS, as moto plays it."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from helium.adapters.sqs import AwsAccess, SqsBell, SqsConsumer, SqsQueue, open_bell, open_queue
from helium.kit.clock import SystemClock
from helium.kit.logs import configure_logging
from helium.ports import Delivery, Execute, Verdict
from tests.contract.queues.side import OpenQueue
from tests.sqs.place import Place, open_place
from tests.support.moto_server import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, shared_moto

CONCURRENCY = 12
HIDDEN_SECONDS = 3


class OpenSqs:
    def __init__(self, place: Place, queue: SqsQueue, bell: SqsBell) -> None:
        self.bell = bell
        self.place = place
        self._queue = queue

    def consumer(self, execute: Execute) -> AbstractAsyncContextManager[None]:
        return consuming(self._queue, execute)

    async def send(self, body: str) -> None:
        await self.place.send(body)

    async def buried(self) -> Sequence[str]:
        return await self.place.buried()

    async def left(self) -> int:
        return await self.place.left()


@asynccontextmanager
async def consuming(queue: SqsQueue, execute: Execute, **options: int) -> AsyncGenerator[None]:
    """A consumer until the end of the block. Its polls are short: moto goes on with one whose connection
    was cut, and takes a message that nobody gets."""
    wanted = {
        "concurrency": CONCURRENCY,
        "visibility_seconds": HIDDEN_SECONDS,
        "wait_seconds": 1,
        **options,
    }
    consumer = SqsConsumer(queue, execute, SystemClock(), **wanted)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(consumer.serve())
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.wait({serving})


class SqsSide:
    name = "sqs"
    delay_step = 1.0
    takes_empty = False
    concurrency = CONCURRENCY
    hidden_seconds = float(HIDDEN_SECONDS)
    ring_seconds = 2.0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[OpenQueue]:
        moto = await asyncio.to_thread(shared_moto, "queues that go away")
        async with (
            open_place(moto=moto) as place,
            open_queue(place.access, SystemClock(), name=place.name) as queue,
            open_bell(queue) as bell,
        ):
            yield OpenSqs(place, queue, bell)

    def kill_command(self, queue: Any) -> list[str]:
        assert isinstance(queue, OpenSqs)
        return [sys.executable, "-m", __name__, queue.place.moto.url, queue.place.name]

    @asynccontextmanager
    async def away(self, queue: Any) -> AsyncGenerator[None]:
        assert isinstance(queue, OpenSqs)
        queue.place.moto.kill()
        yield
        queue.place.moto.restart()
        await queue.place.make()


SIDE = SqsSide()


async def _print(delivery: Delivery) -> Verdict:
    sys.stdout.write(f"{delivery.body}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    raise AssertionError("nobody ends this")


async def _consume(url: str, name: str) -> None:
    access = AwsAccess(
        region=REGION, endpoint=url, access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY
    )
    async with open_queue(access, SystemClock(), name=name) as queue, consuming(queue, _print):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("json", "warning")  # to stderr; stdout is for whoever waits for the message
    asyncio.run(_consume(*sys.argv[1:]))
