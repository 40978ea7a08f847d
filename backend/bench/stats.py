"""Percentiles and medians, pure."""

from collections.abc import Sequence
from statistics import median

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """The middle and the slow end of a sample."""

    p50: float
    p95: float
    p99: float


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the sample lies, linear between neighbours; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def spread(values: Sequence[float]) -> Spread:
    return Spread(*(round(percentile(values, percent), 2) for percent in (50, 95, 99)))


def median_spread(spreads: Sequence[Spread]) -> Spread:
    """Of repeated measurements: the median of each percentile."""
    return Spread(
        median(one.p50 for one in spreads),
        median(one.p95 for one in spreads),
        median(one.p99 for one in spreads),
    )
