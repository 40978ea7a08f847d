"""What a container keeps from one invocation to the next: Helium, and the way to the queue."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from helium.adapters.sqs.queue import SqsQueue
from helium.ports import Execute

OpenExecute = Callable[[], AbstractAsyncContextManager[Execute]]
OpenQueue = Callable[[], AbstractAsyncContextManager[SqsQueue]]


class NotOpened(Exception):
    """Helium or the queue could not be opened. The cause says why."""


@dataclass(frozen=True, slots=True)
class Opened:
    execute: Execute
    queue: SqsQueue


class Container:
    """Opens both when they are first needed, and again if they have ended by themselves."""

    def __init__(self, open_execute: OpenExecute, open_queue: OpenQueue) -> None:
        self._open_execute = open_execute
        self._open_queue = open_queue
        self._closing = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[Opened] | None = None

    async def opened(self) -> Opened:
        """What is open. Cancelling it does not stop the opening. Raises `NotOpened`."""
        if self._keeper is None or self._opened is None or self._keeper.done():
            self._opened = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep(self._opened))
        await asyncio.wait({self._keeper, self._opened}, return_when=asyncio.FIRST_COMPLETED)
        if not self._keeper.done():
            return self._opened.result()
        cancelled = self._keeper.cancelled()
        raise NotOpened from None if cancelled else self._keeper.exception()

    async def close(self) -> None:
        """Close what is open."""
        self._closing.set()
        if self._keeper is not None:
            await asyncio.wait({self._keeper})

    async def _keep(self, opened: "asyncio.Future[Opened]") -> None:
        """One task enters and leaves: task groups inside want it so."""
        async with self._open_queue() as queue, self._open_execute() as execute:
            opened.set_result(Opened(execute, queue))
            await self._closing.wait()
