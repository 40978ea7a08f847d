"""Group commit: many small writes become few large ones, without a timer.

While one flush is under way the next batch gathers, so the batch grows with the load and a lone
write waits for nobody: the commit is the clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class GroupCommit(Generic[T, R]):
    """Collects what `submit` is given and passes it on in batches, in order.

    `flush` takes a batch and returns one result or exception for each entry. If it raises, every
    entry of that batch gets the exception. Batches never overlap.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[T]], Awaitable[Sequence[R | BaseException]]],
        *,
        limit: int = 1000,
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._pending: list[tuple[T, asyncio.Future[R]]] = []
        self._wake = asyncio.Event()

    def submit(self, entry: T) -> asyncio.Future[R]:
        """Add an entry to the next batch. The future ends when that batch is committed."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._pending.append((entry, future))
        self._wake.set()
        return future

    @property
    def backlog(self) -> int:
        return len(self._pending)

    async def serve(self) -> None:
        """Flush until cancelled. What is pending at that moment fails with `CancelledError`."""
        try:
            while True:
                await self._wake.wait()
                batch, self._pending = self._pending[: self._limit], self._pending[self._limit :]
                if not self._pending:
                    self._wake.clear()
                await self._flush_batch(batch)
        finally:
            for _, future in self._pending:
                future.cancel()

    async def _flush_batch(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._flush([entry for entry, _ in batch])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - handed to the callers, who decide
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
