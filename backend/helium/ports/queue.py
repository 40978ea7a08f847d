"""The queue is a doorbell: run ids go in, and come out at some worker, at least once, in any order (I8).

`Bell.ring` is one end, `Execute` the other. Nothing else crosses the border: an adapter knows how its
service delivers, delays, refuses and buries a message, and nothing of what a run is.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class Bell(Protocol):
    """A doorbell: says that there may be work. It may ring twice, late, or never (I8)."""

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        """Tell a worker that these runs may be due. Never raises; a lost ring costs latency only."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as a queue delivered it."""

    body: str
    """What `ring` sent: a run's id, or anything, if somebody else wrote to the queue."""
    deliveries: int = 1
    """How often this message was delivered, this time included."""
    seconds: float | None = None
    """Until the platform ends this execution; None: it does not."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Nothing is left to do for this message: delete it."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not now: deliver the message again after about `seconds`. It is not to be counted as a failure
    of the run, and must not be buried for it however often it happens."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Bury:
    """This message can never be worked on: put it where a person looks (the dead-letter queue)."""

    reason: str


Verdict = Ack | Refuse | Bury

Execute = Callable[[Delivery], Awaitable[Verdict]]
"""Work on one delivery to its end, or to a step boundary before its platform's deadline. Never raises
but for cancellation; a delivery whose execution was cancelled must be delivered again."""
