"""The bell where no queue delivers: workers here are called, those elsewhere hear it on the bus."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from helium.adapters.memory.bus import SilentBus
from helium.ports import Bus


class LocalBell:
    """Rings the worker of its own process, and says on the bus that there is work. A worker that hears
    neither finds it when it looks by itself."""

    def __init__(self, bus: Bus | None = None) -> None:
        self._bus = bus or SilentBus()
        self._listeners: list[Callable[[], None]] = []
        self._bus.listen("work", lambda _: self._ring())

    def listen(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        if delay_seconds > 0:
            asyncio.get_running_loop().call_later(delay_seconds, self._ring)
            return
        self._ring()
        self._bus.publish("work", run_ids)

    def _ring(self) -> None:
        for listener in self._listeners:
            listener()
