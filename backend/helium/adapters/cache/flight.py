"""One look-up that many callers wait for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from helium.adapters.cache.counts import Outcome


class Plan(NamedTuple):
    """How a value is made, and how it is kept."""

    compute: Callable[[], Awaitable[Any]]
    ttl_seconds: float
    stale_seconds: float
    tags: Sequence[str]


class Flight:
    """Its answer may come before its end: an old value is given at once, the new one is on its way."""

    __slots__ = ("_answer", "outcome", "plan", "task")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outcome: Outcome = "miss"
        self.task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @property
    def answered(self) -> bool:
        return self._answer.done()

    async def answer(self) -> Any:
        """The value. Whoever stops waiting leaves the flight to the others."""
        return self._answer.result() if self._answer.done() else await asyncio.shield(self._answer)

    def give(self, value: Any, outcome: Outcome) -> None:
        if not self._answer.done():
            self.outcome = outcome
            self._answer.set_result(value)

    def fail(self, error: Exception) -> None:
        self._answer.set_exception(error)
        self._answer.exception()  # nobody may be waiting any more, and that is no warning

    def end(self) -> None:
        """Without an answer only where the cache was closed: then the wait is cancelled too."""
        if not self._answer.done():
            self._answer.cancel()
