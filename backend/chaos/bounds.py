"""What a count proves: 95 % bounds on a share, pure."""

import math
from collections.abc import Sequence

Z = 1.959964


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share after Wilson. Raises `ValueError` without any sample."""
    if of <= 0:
        raise ValueError("no share of nothing")
    share, square = hits / of, Z * Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def at_most(bad: int, of: int) -> float:
    """The share that `bad` of `of` leaves possible, with 95 % confidence: 3/N for none."""
    return min(1.0, 3 / of) if bad == 0 else wilson(bad, of)[1]


def counted(bad: int, of: int) -> str:
    """`0 of 1,000 (95 %: below 0.3 %)`."""
    if not of:
        return "0 of 0 (proves nothing)"
    if not bad:
        return f"0 of {of:,} (95 %: below {percent(at_most(0, of))})"
    low, high = wilson(bad, of)
    return f"{bad:,} of {of:,} = {percent(bad / of)} (95 %: {percent(low)} to {percent(high)})"


def percent(share: float) -> str:
    """Two digits that say something, whatever the size: `0.031 %`, `12 %`, `99.97 %`."""
    value = share * 100
    if value == 0 or value == 100:
        return f"{value:.0f} %"
    if value > 90:
        digits = max(0, 1 - math.floor(math.log10(100 - value)))
    else:
        digits = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:.{digits}f} %"


def worst(values: Sequence[float]) -> float:
    return max(values, default=float("nan"))
