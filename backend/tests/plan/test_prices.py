"""Prices: each has a source and a date, money is exact, and old ones are seen."""

import datetime
from dataclasses import replace
from decimal import Decimal

import pytest

from helium.kit.clock import SystemClock
from helium.kit.times import moment
from helium.plan.prices import Price, age_warning, load_prices, parse_prices, usd

TODAY = datetime.date(2026, 11, 25)
PRICE = Price(
    id="x",
    usd=Decimal("0.0000025"),
    unit="GiB-second",
    region="r",
    source="a page",
    date=TODAY,
    verified=True,
)


def _faults(price: Price) -> list[str]:
    today = moment(SystemClock().time()).date()
    sound = {
        "source": len(price.source) > 5,
        "unit": bool(price.unit),
        "region": bool(price.region),
        "date": datetime.date(2024, 1, 1) <= price.date <= today,
    }
    return [f"{price.id}: {name}" for name, good in sound.items() if not good]


def test_each_price_has_a_source_a_date_a_unit_and_a_region() -> None:
    prices = load_prices()

    assert len(prices) > 50
    assert [fault for price in prices.values() for fault in _faults(price)] == []
    assert _faults(replace(PRICE, source="", date=datetime.date(2999, 1, 1))) == ["x: source", "x: date"]


def test_a_price_without_a_source_is_refused() -> None:
    text = '[x]\nusd = "1"\nunit = "u"\nregion = "r"\ndate = 2026-01-01\nverified = true\n'

    with pytest.raises(KeyError, match="source"):
        parse_prices(text)


def test_money_is_whole_micro_dollars_rounded_half_up() -> None:
    assert PRICE.microusd(1) == 3
    assert PRICE.microusd(2) == 5
    assert PRICE.microusd(2_628_000) == 6_570_000


def test_a_price_of_181_days_is_warned_about_and_one_of_180_is_not() -> None:
    fresh = replace(PRICE, date=TODAY - datetime.timedelta(days=180))
    old = replace(PRICE, id="old", date=TODAY - datetime.timedelta(days=181))

    assert age_warning([fresh], TODAY) is None
    warning = age_warning([fresh, old, old], TODAY)
    assert warning is not None
    assert warning.startswith("1 prices are older than 180 days, the oldest of 2026-05-28")
    assert "(old)" in warning


def test_large_sums_are_shown_in_dollars_and_small_ones_in_cents() -> None:
    assert [usd(99_994_000), usd(100_400_000), usd(1_824_500_000)] == ["99.99", "100", "1,824"]
