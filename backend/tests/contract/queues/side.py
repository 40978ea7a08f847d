"""What the contract suite of the queues asks of each of them; a module beside this one for each kind."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from helium.kit.clock import SystemClock
from helium.ports import Ack, Bell, Delivery, Execute, Verdict

_clock = SystemClock()


class OpenQueue(Protocol):
    """One empty queue on a real counterpart of its service."""

    @property
    def bell(self) -> Bell:
        """The adapter's sending end."""
        ...

    def consumer(self, execute: Execute) -> AbstractAsyncContextManager[None]:
        """The adapter's receiving end, delivering to `execute` until the block ends. At its end what
        is under way is given back to the queue, and no delivery begins any more."""
        ...

    async def send(self, body: str) -> None:
        """A message of any content, past the adapter's bell: what a stranger might put there."""
        ...

    async def buried(self) -> Sequence[str]:
        """The bodies of the messages in the dead-letter queue."""
        ...

    async def left(self) -> int:
        """Messages that are not acknowledged: waiting, delayed or delivered."""
        ...


class QueueSide(Protocol):
    """A kind of queue."""

    @property
    def name(self) -> str: ...

    @property
    def delay_step(self) -> float:
        """The finest delay that it keeps, in seconds: 1 where it knows whole seconds only."""
        ...

    def open(self) -> AbstractAsyncContextManager[OpenQueue]:
        """Skips the test on a laptop, and fails it in CI, if the counterpart is not installed."""
        ...


Sides = AsyncGenerator[OpenQueue]


# What only some sides have. A side that has the attribute gets the tests that need it.


@runtime_checkable
class Limited(Protocol):
    """It works on a bounded number of messages at once."""

    @property
    def concurrency(self) -> int:
        """How many: at most 20, so that the suite can exceed it."""
        ...


@runtime_checkable
class Hiding(Protocol):
    """A delivery that nobody speaks of for a while is delivered again."""

    @property
    def hidden_seconds(self) -> float:
        """That while, as `open` sets it: at most 5, so that the suite can outlast it."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """Its platform ends an execution after a while."""

    @property
    def deadline_seconds(self) -> float:
        """The most that `Delivery.seconds` can be, as `open` sets it."""
        ...


@runtime_checkable
class Killable(Protocol):
    """Its consumer can be a process of its own."""

    def kill_command(self, queue: Any) -> list[str]:
        """A program, started in `backend`, that runs the adapter's consumer on this open queue. Its
        `execute` writes the body and a line end to standard output, flushes, and never returns."""
        ...


@runtime_checkable
class Stoppable(Protocol):
    """Its service can go away and come back."""

    @property
    def ring_seconds(self) -> float:
        """The time-out of `ring` as `open` sets it."""
        ...

    def away(self, queue: Any) -> AbstractAsyncContextManager[None]:
        """The service does not answer until the block ends; it need not remember anything then."""
        ...


def counts(side: QueueSide) -> bool:
    """Whether it tells how often a message was delivered; a side that does not sets `counts = False`."""
    return bool(getattr(side, "counts", True))


def counts_deaths(side: QueueSide) -> bool:
    """Whether it counts a delivery whose consumer was killed; if not, it sets `counts_deaths = False`."""
    return counts(side) and bool(getattr(side, "counts_deaths", True))


def takes_empty(side: QueueSide) -> bool:
    """Whether a message may be empty; a service that refuses one sets `takes_empty = False`."""
    return bool(getattr(side, "takes_empty", True))


@dataclass
class Recorder:
    """An `Execute` that answers from a list, and remembers what it was asked."""

    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    """Given in this order; `Ack` when they are used up."""
    seen: list[Delivery] = field(default_factory=list[Delivery])

    at: list[float] = field(default_factory=list[float])
    """When, on a clock of which only differences mean something."""

    async def __call__(self, delivery: Delivery) -> Verdict:
        self.seen.append(delivery)
        self.at.append(_clock.monotonic())
        return self.verdicts.pop(0) if self.verdicts else Ack()

    def runs(self) -> list[UUID]:
        return [UUID(delivery.body) for delivery in self.seen]


@dataclass
class Held:
    """An `Execute` that begins, and ends when it is told to or cancelled."""

    release: asyncio.Event = field(default_factory=asyncio.Event)
    began: int = 0
    under_way: int = 0
    most: int = 0
    """The most that were under way at once."""
    cancelled: int = 0

    async def __call__(self, delivery: Delivery) -> Verdict:
        self.began += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        return Ack()


@dataclass
class Broken:
    """An `Execute` that has a bug the first `times`, and acknowledges then."""

    times: int = 1
    seen: list[Delivery] = field(default_factory=list[Delivery])

    async def __call__(self, delivery: Delivery) -> Verdict:
        self.seen.append(delivery)
        if len(self.seen) <= self.times:
            raise ZeroDivisionError("a bug")
        return Ack()
