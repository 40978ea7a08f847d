"""Buses without a server: one that says nothing, and one for several parts of a single process."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from helium.ports import Listener, Topic


class SilentBus:
    """No bus at all: every process looks by itself."""

    healthy = False

    def publish(self, topic: Topic, run_ids: Sequence[UUID]) -> None:
        pass

    def listen(self, topic: Topic, listener: Listener) -> None:
        pass


class MemoryBus:
    """One end of a bus within a process: `connect` makes another one that hears this."""

    def __init__(self) -> None:
        self.healthy = True
        self._ends: list[MemoryBus] = [self]
        self._listeners: defaultdict[Topic, list[Listener]] = defaultdict(list)

    def connect(self) -> "MemoryBus":
        end = MemoryBus()
        end._ends = self._ends
        self._ends.append(end)
        return end

    def publish(self, topic: Topic, run_ids: Sequence[UUID]) -> None:
        if self.healthy:
            for end in self._ends:
                if end is not self:
                    end.hear(topic, run_ids)

    def hear(self, topic: Topic, run_ids: Sequence[UUID]) -> None:
        for listener in self._listeners[topic]:
            listener(run_ids)

    def listen(self, topic: Topic, listener: Listener) -> None:
        self._listeners[topic].append(listener)
