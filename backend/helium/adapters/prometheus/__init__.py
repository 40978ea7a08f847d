"""Metrics as Prometheus reads them. Decision 0019."""

from helium.adapters.prometheus.exposition import Exposition
from helium.adapters.prometheus.runs import RunFigures

__all__ = ["Exposition", "RunFigures"]
