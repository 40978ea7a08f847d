"""The queue in memory."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from helium.adapters.memory.queue import MemoryQueue
from helium.kit.clock import SystemClock
from helium.ports import Execute
from tests.contract.queues.side import OpenQueue


class OpenMemory:
    def __init__(self, queue: MemoryQueue) -> None:
        self.bell = queue
        self._queue = queue

    def consumer(self, execute: Execute) -> AbstractAsyncContextManager[None]:
        return self._queue.consumer(execute)

    async def send(self, body: str) -> None:
        self._queue.send(body)

    async def buried(self) -> Sequence[str]:
        return self._queue.buried

    async def left(self) -> int:
        return self._queue.left


class MemorySide:
    name = "local"
    delay_step = 0.0
    concurrency = 8

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[OpenQueue]:
        yield OpenMemory(MemoryQueue(SystemClock(), concurrency=self.concurrency))


SIDE = MemorySide()
