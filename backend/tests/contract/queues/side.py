"""What the contract suite of the queues asks of each of them; a module beside this one for each kind."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from helium.ports import Ack, Bell, Delivery, Execute, Verdict


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


@dataclass
class Recorder:
    """An `Execute` that answers from a list, and remembers what it was asked."""

    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    """Given in this order; `Ack` when they are used up."""
    seen: list[Delivery] = field(default_factory=list[Delivery])

    async def __call__(self, delivery: Delivery) -> Verdict:
        self.seen.append(delivery)
        return self.verdicts.pop(0) if self.verdicts else Ack()

    def runs(self) -> list[UUID]:
        return [UUID(delivery.body) for delivery in self.seen]
