"""The bell of one process: whoever listens is called at once."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID


class LocalBell:
    """Rings the worker of its own process. Runs of other processes are found by their polls."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        if delay_seconds > 0:
            asyncio.get_running_loop().call_later(delay_seconds, self._ring)
        else:
            self._ring()

    def _ring(self) -> None:
        for listener in self._listeners:
            listener()
