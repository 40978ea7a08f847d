"""Several processes on one host, shown as one: their sums, and what the dead ones counted."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from helium.kit.metrics.registry import AnyInstrument, Key, Registry, Snapshot
from helium.kit.metrics.values import Series, Values, shared_file


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The memory of one process: `fd` is for the process, `values` for whoever started it."""

    fd: int
    values: Values


class HostValues:
    """The counts of the processes that this one starts, and its own.

    Counters and histograms are summed and never go back: a process that ended leaves its counts here.
    Gauges are those of the living.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._living: list[Shared] = []
        self._ended: dict[Key, list[float]] = {}
        self.opened = 0
        """Processes for which there was memory: all that were started, however early they ended."""

    def open(self) -> Shared:
        """Memory for one more process; pass `fd` on to it, and give the memory back to `close`."""
        fd = shared_file()
        shared = Shared(fd, Values.of_file(fd))
        self._living.append(shared)
        self.opened += 1
        return shared

    def close(self, shared: Shared) -> None:
        """Its process has ended, whichever way."""
        self._living.remove(shared)
        os.close(shared.fd)
        lasting = (s for s in shared.values.series() if self._kind(s.name) != "gauge")
        _put(self._ended, lasting, self._registry.instruments)

    def snapshot(self) -> Snapshot:
        """What all of them have counted."""
        total = {key: list(cells) for key, cells in self._ended.items()}
        for values in (self._registry.values, *(shared.values for shared in self._living)):
            _put(total, values.series(), self._registry.instruments)
        return total

    def _kind(self, name: str) -> str:
        found = self._registry.instruments.get(name)
        return found.kind if found else ""


def _put(
    total: dict[Key, list[float]], series: Iterable[Series], instruments: Mapping[str, AnyInstrument]
) -> None:
    """Add these. What another release counts and this one does not know is left out."""
    for name, labels, cells in series:
        instrument = instruments.get(name)
        if instrument is None or instrument.size != len(cells) or len(instrument.labels) != len(labels):
            continue
        before = total.get((name, labels))
        total[(name, labels)] = list(cells) if before is None else _both(instrument, before, cells)


def _both(instrument: AnyInstrument, one: Sequence[float], other: Sequence[float]) -> list[float]:
    if instrument.combine == "max":
        return [max(pair) for pair in zip(one, other, strict=True)]
    return [a + b for a, b in zip(one, other, strict=True)]
