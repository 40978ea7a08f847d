"""Percentiles, medians, levels and sums."""

import math

import pytest

from bench.levels import LEVELS, expected_text
from bench.processes import Cpu, used
from bench.profile import top_of
from bench.stats import Spread, median_spread, percentile, spread


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [([7.0], 95, 7.0), ([3.0, 1.0, 2.0], 50, 2.0), ([0.0, 10.0], 95, 9.5), (list(range(101)), 99, 99)],
)
def test_a_percentile_lies_between_its_neighbours(
    values: list[float], percent: float, wanted: float
) -> None:
    assert percentile(values, percent) == pytest.approx(wanted)


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(percentile([], 50))


def test_a_spread_is_the_middle_and_the_slow_end() -> None:
    assert spread([float(value) for value in range(1, 102)]) == Spread(51.0, 96.0, 100.0)


def test_repeats_are_joined_by_the_median_of_each_percentile() -> None:
    repeats = [Spread(1.0, 9.0, 30.0), Spread(3.0, 8.0, 10.0), Spread(2.0, 7.0, 20.0)]

    assert median_spread(repeats) == Spread(2.0, 8.0, 20.0)


def test_a_level_knows_its_model_and_its_ideal() -> None:
    level = LEVELS["p1000"]

    assert (level.model, level.ideal_ms, level.runs) == ("fake-50-20-100", 4920, 1000)


def test_every_token_is_a_word_of_its_own() -> None:
    assert expected_text(3) == "t0 t1 t2 "


def test_cpu_is_counted_over_living_new_and_buried_processes() -> None:
    before = Cpu({1: 10.0, 2: 4.0}, buried=1.0)
    after = Cpu({1: 11.0, 3: 0.5}, buried=6.0)

    # 1 used 1.0; 3 is new and used 0.5; 2 ended at 5.0 in its parent's books, 1.0 more than before.
    assert used(before, after) == pytest.approx(2.5)


def test_a_profile_counts_the_innermost_function_of_each_stack() -> None:
    stacks = "main (a.py:1);send (b.py:2) 3\nmain (a.py:1);read (c.py:3) 1\nsend (b.py:2) 2\n"

    assert top_of(stacks) == (6, [("send (b.py:2)", 5), ("read (c.py:3)", 1)])
