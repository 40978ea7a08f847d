"""A dictionary with a largest size and with times."""

from typing import Generic, TypeVar

from helium.kit.clock import Clock

V = TypeVar("V")


class Bounded(Generic[V]):
    """At most `entries` values by key, each until its time; the least recently used goes first."""

    def __init__(self, clock: Clock, entries: int) -> None:
        self._now = clock.monotonic
        self._entries = entries
        self._values: dict[str, tuple[V, float]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> tuple[V, float] | None:
        """The value and the monotonic time at which it ends."""
        found = self._values.pop(key, None)
        if found is None or self._now() >= found[1]:
            return None
        self._values[key] = found
        return found

    def put(self, key: str, value: V, seconds: float) -> None:
        self._values.pop(key, None)
        if seconds <= 0 or self._entries < 1:
            return
        if len(self._values) >= self._entries:
            del self._values[next(iter(self._values))]
        self._values[key] = (value, self._now() + seconds)

    def drop(self, key: str) -> None:
        self._values.pop(key, None)

    def items(self) -> list[tuple[str, V]]:
        return [(key, value) for key, (value, _) in self._values.items()]
