"""A snapshot in Prometheus's text formats."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder

from helium.kit.metrics.registry import AnyInstrument, Registry, Snapshot

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Exposition:
    """What one address shows: the counts of its processes, and the database's figures.

    `processes` gives the counts; `database`, if there is one, the rest.
    """

    def __init__(
        self,
        registry: Registry,
        processes: Callable[[], Snapshot],
        database: Callable[[], Awaitable[Snapshot]] | None,
    ) -> None:
        self._registry = registry
        self._processes = processes
        self._database = database

    async def text(self, accept: str) -> tuple[bytes, str]:
        """Everything, and its content type, as an `Accept` header wishes."""
        database = {} if self._database is None else await self._database()
        encode, content_type = choose_encoder(accept)
        collectors = CollectorRegistry(auto_describe=False)
        collectors.register(_Collector(self._registry, {**self._processes(), **database}))
        return encode(collectors), content_type


class _Collector:
    def __init__(self, registry: Registry, snapshot: Snapshot) -> None:
        self._registry = registry
        self._snapshot = snapshot

    def describe(self) -> Sequence[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        families = {name: _family(i) for name, i in self._registry.instruments.items()}
        for (name, labels), cells in sorted(self._snapshot.items()):
            if name in families:
                _put(families[name], self._registry.instruments[name], labels, cells)
        yield from (family for family in families.values() if family.samples)


def _family(instrument: AnyInstrument) -> Family:
    names = [label.name for label in instrument.labels]
    match instrument.kind:
        case "counter":
            return CounterMetricFamily(instrument.name, instrument.help, labels=names)
        case "gauge":
            return GaugeMetricFamily(instrument.name, instrument.help, labels=names)
        case "histogram":
            return HistogramMetricFamily(instrument.name, instrument.help, labels=names)


def _put(family: Family, instrument: AnyInstrument, labels: Sequence[str], cells: Sequence[float]) -> None:
    if isinstance(family, HistogramMetricFamily):
        bounds = [*(str(bound) for bound in instrument.bounds), "+Inf"]
        counts = list(accumulate(cells[:-1]))
        family.add_metric(labels, list(zip(bounds, counts, strict=True)), cells[-1])
    else:
        family.add_metric(labels, cells[0])
