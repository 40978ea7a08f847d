"""SQS into AWS Lambda: the queue as moto plays it, the event source mapping as `tests/sqs` does."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from helium.adapters.sqs import SqsBell, open_bell, open_queue
from helium.kit.clock import SystemClock
from helium.ports import Execute
from tests.contract.queues.side import OpenQueue
from tests.sqs.mapping import MARGIN_SECONDS, mapped
from tests.sqs.place import Place, open_place

FUNCTION_SECONDS = 6.0


class OpenLambda:
    def __init__(self, place: Place, bell: SqsBell) -> None:
        self.bell = bell
        self._place = place

    def consumer(self, execute: Execute) -> AbstractAsyncContextManager[None]:
        return mapped(self._place, execute, function_seconds=FUNCTION_SECONDS)

    async def send(self, body: str) -> None:
        await self._place.send(body)

    async def buried(self) -> Sequence[str]:
        return await self._place.buried()

    async def left(self) -> int:
        return await self._place.left()


class LambdaSide:
    name = "lambda"
    delay_step = 1.0
    takes_empty = False
    deadline_seconds = FUNCTION_SECONDS - MARGIN_SECONDS

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[OpenQueue]:
        async with (
            open_place(visibility_seconds=int(6 * FUNCTION_SECONDS)) as place,
            open_queue(place.access, SystemClock(), name=place.name) as queue,
            open_bell(queue) as bell,
        ):
            yield OpenLambda(place, bell)


SIDE = LambdaSide()
