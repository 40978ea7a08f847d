"""Metrics, without Prometheus: what is counted (`instruments`), and where the counts are kept.

`registry` has counters, gauges and histograms; `values` the memory behind them; `host` puts several
processes together; `calls` measures a model call; `sampler` looks at sizes. `adapters/prometheus` shows
all of it. Decision 0019.
"""

from helium.kit.metrics.host import HostValues, Shared
from helium.kit.metrics.instruments import REGISTRY
from helium.kit.metrics.registry import OTHER, Child, HistogramChild, Instrument, Registry, Snapshot
from helium.kit.metrics.values import Values

__all__ = [
    "OTHER",
    "REGISTRY",
    "Child",
    "HistogramChild",
    "HostValues",
    "Instrument",
    "Registry",
    "Shared",
    "Snapshot",
    "Values",
]
