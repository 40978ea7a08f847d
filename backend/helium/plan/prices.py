"""List prices, each with its source and its date; money is whole micro-dollars."""

import datetime
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files

OLD_DAYS = 180
HOURS_PER_MONTH = 730
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
DAYS_PER_MONTH = HOURS_PER_MONTH / 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one unit costs, in US dollars; below zero for what is given free."""

    id: str
    usd: Decimal
    unit: str
    region: str
    source: str
    date: datetime.date
    verified: bool

    def microusd(self, quantity: float) -> int:
        """What so many units cost, rounded half up to a micro-dollar."""
        exact = Decimal(repr(quantity)) * self.usd * 1_000_000
        return int(exact.to_integral_value(ROUND_HALF_UP))

    def is_old(self, today: datetime.date) -> bool:
        return (today - self.date).days > OLD_DAYS


Prices = Mapping[str, Price]


@cache
def load_prices() -> Prices:
    """The prices of `prices.toml`, by their ids."""
    return parse_prices(files("helium.plan").joinpath("prices.toml").read_text())


def parse_prices(text: str) -> Prices:
    """Prices from TOML. A price without a source, a date or a mark is a `KeyError`."""
    return {
        id: Price(
            id=id,
            usd=Decimal(row["usd"]),
            unit=row["unit"],
            region=row["region"],
            source=row["source"],
            date=row["date"],
            verified=row["verified"],
        )
        for id, row in tomllib.loads(text).items()
    }


def age_warning(prices: Iterable[Price], today: datetime.date) -> str | None:
    """One sentence about the prices that nobody has looked at for half a year, or none."""
    seen = {price.id: price for price in prices if price.is_old(today)}
    old = sorted(seen.values(), key=lambda price: price.date)
    if not old:
        return None
    names = ", ".join(sorted(seen))
    return (
        f"{len(old)} prices are older than {OLD_DAYS} days, the oldest of {old[0].date}: look them up and"
        f" change backend/helium/plan/prices.toml ({names})."
    )


def usd(microusd: int) -> str:
    """For people: dollars and cents below 100, whole dollars above."""
    amount = Decimal(microusd) / 1_000_000
    return f"{amount:,.2f}" if abs(amount) < 100 else f"{amount:,.0f}"
