"""Short messages between the processes of one installation. They carry run ids, never content (A9)."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol
from uuid import UUID

Topic = Literal["work", "events", "cancel"]
"""`work`: these runs may be due. `events`: something was committed to their logs. `cancel`: somebody
asked for their end."""

Listener = Callable[[Sequence[UUID]], None]


class Bus(Protocol):
    """A bus that may lose, repeat and delay. Whoever listens must also look by itself, now and then."""

    def publish(self, topic: Topic, run_ids: Sequence[UUID]) -> None:
        """Tell every process that listens, this one not included, soon. Never raises, never waits."""
        ...

    def listen(self, topic: Topic, listener: Listener) -> None:
        """Call `listener` in this process's loop for each message. It must not block or raise. No ids
        mean: something may have been missed, look yourself."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether messages of other processes arrive at the moment, as far as is known. When it is
        false, listeners look by themselves more often."""
        ...
