"""Counters, gauges and histograms, cheap enough for the hot path.

A count is one addition to a cell: about 0.1 µs. So bind a child once (`instrument.of(...)`) and keep it;
the look-up by labels costs several times as much. A label's values are few and known at the start:
whatever else arrives, from a model, a person or a client, is counted as `other` and stored nowhere.

Two threads must not count with one child: what the lease's thread counts has children of its own.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Generic, Literal, TypeVar

from helium.kit.metrics.values import Values

OTHER = "other"
Kind = Literal["counter", "gauge", "histogram"]
Source = Literal["process", "database"]
Combine = Literal["sum", "max"]
Key = tuple[str, tuple[str, ...]]
Snapshot = Mapping[Key, Sequence[float]]
"""Instruments' names and labels' values, and the cells: one, or a histogram's buckets and sum."""

# Series that are there from the start, with 0: the first count of a new series is invisible to `increase`.
PREPARED = 16
MOST_OTHERS = 64


@dataclass(frozen=True, slots=True)
class Label:
    """One dimension. An open label gets its values at the start of a process, from `Registry.allow`."""

    name: str
    values: tuple[str, ...] = ()
    open_to: str = ""
    """What an open label's values are, in words; empty for one whose values are all here."""


class Child:
    """One series of a counter or gauge."""

    __slots__ = ("_at", "_cells")

    def __init__(self, cells: "memoryview[float]", at: int) -> None:
        self._cells, self._at = cells, at

    def add(self, amount: float = 1.0) -> None:
        self._cells[self._at] += amount

    def set(self, value: float) -> None:
        """For gauges, and for counters whose count is kept elsewhere."""
        self._cells[self._at] = value

    @property
    def value(self) -> float:
        return self._cells[self._at]

    def move(self, cells: "memoryview[float]", at: int) -> None:
        cells[at] = self._cells[self._at]
        self._cells, self._at = cells, at


class HistogramChild:
    """One series of a histogram: a cell for each bucket, one for what is above all, one for the sum."""

    __slots__ = ("_at", "_bounds", "_cells", "_sum_at")

    def __init__(self, cells: "memoryview[float]", at: int, bounds: tuple[float, ...]) -> None:
        self._cells, self._at, self._bounds = cells, at, bounds
        self._sum_at = at + len(bounds) + 1

    def observe(self, value: float) -> None:
        cells = self._cells
        cells[self._at + bisect_left(self._bounds, value)] += 1.0
        cells[self._sum_at] += value

    @property
    def count(self) -> int:
        return int(sum(self._cells[self._at : self._sum_at].tolist()))

    def move(self, cells: "memoryview[float]", at: int) -> None:
        end = self._sum_at + 1 - self._at
        cells[at : at + end] = self._cells[self._at : self._at + end]
        self._cells, self._at = cells, at
        self._sum_at = at + end - 1


C = TypeVar("C", Child, HistogramChild)


@dataclass(eq=False, kw_only=True)
class Instrument(Generic[C]):
    """What is measured: its name and unit, its labels, and its series by their labels' values."""

    registry: "Registry" = field(repr=False)
    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    source: Source = "process"
    combine: Combine = "sum"
    """How processes of one host are put together; over hosts, `database` instruments want `max`."""
    bounds: tuple[float, ...] = ()
    children: dict[tuple[str, ...], C] = field(default_factory=dict[tuple[str, ...], C], repr=False)
    others: dict[tuple[str, ...], C] = field(default_factory=dict[tuple[str, ...], C], repr=False)
    """Where values that are not allowed are counted, as far as they have been seen."""

    def of(self, *values: str) -> C:
        """The series with these values, in the order of the labels; `other` for what is not allowed."""
        found = self.children.get(values) or self.others.get(values)
        return found if found is not None else self._bind(values)

    def _bind(self, values: tuple[str, ...]) -> C:
        if len(values) != len(self.labels):
            raise TypeError(f"{self.name} has {len(self.labels)} labels, not {len(values)}")
        allowed = self.registry.allowed
        kept = tuple(
            v if v in allowed(label) else OTHER for v, label in zip(values, self.labels, strict=True)
        )
        if kept not in self.children:
            self.children[kept] = self._child(self.registry.values, kept)
        if kept != values and len(self.others) < MOST_OTHERS:
            self.others[values] = self.children[kept]
        return self.children[kept]

    def _child(self, values: Values, labels: tuple[str, ...]) -> C:
        at = values.add(self.name, labels, self.size)
        made: Child | HistogramChild = (
            HistogramChild(values.cells, at, self.bounds) if self.bounds else Child(values.cells, at)
        )
        return made  # pyright: ignore[reportReturnType] - `bounds` decides which of the two C is

    def move(self, values: Values) -> None:
        for labels, child in self.children.items():
            child.move(values.cells, values.add(self.name, labels, self.size))

    @property
    def size(self) -> int:
        """Cells of one series."""
        return len(self.bounds) + 2 if self.bounds else 1


AnyInstrument = Instrument[Any]
Counter = Instrument[Child]
Gauge = Instrument[Child]
Histogram = Instrument[HistogramChild]


class Registry:
    """All instruments of a process, and the memory of their counts."""

    def __init__(self) -> None:
        self.values = Values.private()
        self.instruments: dict[str, AnyInstrument] = {}
        self._open: dict[str, frozenset[str]] = {}

    def counter(self, name: str, text: str, *labels: Label, source: Source = "process") -> Counter:
        made: Counter = Instrument(
            registry=self, name=name, kind="counter", help=text, labels=labels, source=source
        )
        return self._register(made)

    def gauge(
        self,
        name: str,
        text: str,
        *labels: Label,
        source: Source = "process",
        combine: Combine = "sum",
    ) -> Gauge:
        made: Gauge = Instrument(
            registry=self,
            name=name,
            kind="gauge",
            help=text,
            labels=labels,
            source=source,
            combine=combine,
        )
        return self._register(made)

    def histogram(self, name: str, text: str, bounds: tuple[float, ...], *labels: Label) -> Histogram:
        made: Histogram = Instrument(
            registry=self, name=name, kind="histogram", help=text, labels=labels, bounds=bounds
        )
        return self._register(made)

    def _register(self, made: Instrument[C]) -> Instrument[C]:
        if made.name in self.instruments:
            raise ValueError(f"there is an instrument {made.name} already")
        self.instruments[made.name] = made
        return made

    def allow(self, label: Label, values: Iterable[str]) -> None:
        """Let an open label have these values, and no others from now on."""
        if not label.open_to:
            raise ValueError(f"the values of {label.name} are all known")
        self._open[label.name] = frozenset(values)
        for instrument in self.instruments.values():
            instrument.others.clear()

    def allowed(self, label: Label) -> frozenset[str] | tuple[str, ...]:
        return self._open.get(label.name, frozenset()) if label.open_to else label.values

    def prepare(self) -> None:
        """Make the series of all instruments whose labels are closed and few."""
        for instrument in self.instruments.values():
            closed = not any(label.open_to for label in instrument.labels)
            if instrument.source == "process" and closed and self._count(instrument) <= PREPARED:
                for values in product(*(label.values for label in instrument.labels)):
                    instrument.of(*values)

    def _count(self, instrument: AnyInstrument) -> int:
        count = 1
        for label in instrument.labels:
            count *= len(self.allowed(label)) + 1
        return count

    def most_cells(self) -> int:
        """Cells if every series were there that the labels permit."""
        return sum(self._count(i) * i.size for i in self.instruments.values() if i.source == "process")

    def move(self, values: Values) -> None:
        """Count in other memory from now on; what was counted so far goes along. Not while another
        thread counts."""
        for instrument in self.instruments.values():
            instrument.move(values)
        self.values = values

    def snapshot(self) -> Snapshot:
        """What this process has counted."""
        return {(series.name, series.labels): series.cells for series in self.values.series()}
