"""Waiting for a provider: how long it may be silent, and windows that end together.

Both are made for thousands of streams: no timer is set and cancelled for each batch.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from helium.adapters.providers.wire import Decoder
from helium.core.errors import Retryable

TICK_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each kind of silence may last, in seconds."""

    connect: float = 10.0
    first_token: float = 60.0
    """From the request to the first content."""
    between_chunks: float = 60.0
    thinking: float = 600.0
    """Instead of the two above while the model is known to think without showing it."""


class Silence:
    """Bounds how long a provider may say nothing.

    One timer goes along with the stream. It is not moved with every batch: when it rings too early it
    is set again.
    """

    __slots__ = (
        "_deadline",
        "_decoder",
        "_first",
        "_loop",
        "_provider",
        "_ring_at",
        "_timeouts",
        "_timer",
        "_waiter",
    )

    def __init__(self, timeouts: Timeouts, decoder: Decoder, provider: str) -> None:
        self._timeouts = timeouts
        self._decoder = decoder
        self._provider = provider
        self._loop = asyncio.get_running_loop()
        self._first: float | None = self._loop.time() + timeouts.first_token
        self._deadline = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ring_at = 0.0

    def first_content_came(self) -> None:
        self._first = None

    def seconds(self) -> float:
        """How long the silence that begins now may last."""
        if self._decoder.thinking:
            return self._timeouts.thinking
        if self._first is None:
            return self._timeouts.between_chunks
        return max(self._first - self._loop.time(), 0.0)

    def sentence(self) -> str:
        """What is wrong when it lasts longer."""
        if self._first is None or self._decoder.thinking:
            limit = self._timeouts.thinking if self._decoder.thinking else self._timeouts.between_chunks
            return f"{self._provider} fell silent for {limit:g} s"
        return f"{self._provider} sent no token for {self._timeouts.first_token:g} s"

    def bound(self, waiter: "asyncio.Future[None]", *, after: float = 0.0) -> "asyncio.Future[None]":
        """The same future, which will fail as `Retryable` if the silence lasts too long.

        The silence begins so many seconds from now.
        """
        if waiter.done():
            return waiter
        self._waiter = waiter
        self._deadline = self._loop.time() + after + self.seconds()
        if self._timer is None or self._ring_at > self._deadline:
            self._set()
        return waiter

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiter = None

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ring_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            return  # nobody waits: it is the reader who is slow
        if self._loop.time() < self._deadline:
            self._set()
        else:
            waiter.set_exception(Retryable(self.sentence()))


class Ticker:
    """Timers for windows. All that end within the same few milliseconds share one."""

    def __init__(self) -> None:
        self._due: dict[int, list[Callable[[], None]]] = {}

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call it in about so many seconds. It cannot be taken back and must not raise."""
        loop = asyncio.get_running_loop()
        tick = round((loop.time() + seconds) / TICK_SECONDS)
        due = self._due.get(tick)
        if due is None:
            due = self._due[tick] = []
            loop.call_at(tick * TICK_SECONDS, self._turn, tick)
        due.append(callback)

    def _turn(self, tick: int) -> None:
        for callback in self._due.pop(tick):
            callback()
