"""Lines of a month's bill."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from helium.plan.prices import Prices

Group = Literal["processes", "Redis", "queue", "database", "files", "network", "edge", "watching", "others"]
# Of a bill: what the founding document's table has, what the cloud itself asks for, or all of it.
Counted = Literal["founding", "cloud", "everything"]
FOUNDING: tuple[Group, ...] = ("processes", "Redis", "queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is paid for in a month."""

    group: Group
    what: str
    quantity: float
    unit: str
    price: str
    microusd: int
    verified: bool


Charge = Callable[[Group, str, str, float], Line]


def charger(prices: Prices) -> Charge:
    """A function that makes a line from a group, what it is, a price's id and a quantity."""

    def charge(group: Group, what: str, price: str, quantity: float) -> Line:
        found = prices[price]
        return Line(
            group=group,
            what=what,
            quantity=quantity,
            unit=found.unit,
            price=price,
            microusd=found.microusd(quantity),
            verified=found.verified,
        )

    return charge


def total_microusd(lines: Iterable[Line], counted: Counted = "everything") -> int:
    return sum(line.microusd for line in lines if _counts(line, counted))


def _counts(line: Line, counted: Counted) -> bool:
    match counted:
        case "founding":
            return line.group in FOUNDING
        case "cloud":
            return line.price.startswith(("gcp_", "aws_"))
        case "everything":
            return True


def above(quantity: float, free: float) -> float:
    """What is left of a quantity after the part that is free."""
    return max(0.0, quantity - free)
