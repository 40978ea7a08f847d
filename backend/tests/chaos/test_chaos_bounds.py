"""What a count proves."""

import pytest

from chaos.bounds import at_most, counted, percent, wilson


def test_no_failure_in_three_thousand_proves_a_tenth_of_a_percent() -> None:
    assert at_most(0, 3000) == pytest.approx(0.001)


def test_the_interval_of_wilson_is_the_textbooks() -> None:
    low, high = wilson(10, 100)

    assert (low, high) == (pytest.approx(0.0552, abs=1e-4), pytest.approx(0.1744, abs=1e-4))


@pytest.mark.parametrize(("hits", "of"), [(0, 7), (7, 7), (1, 1)])
def test_an_interval_never_leaves_zero_to_one(hits: int, of: int) -> None:
    low, high = wilson(hits, of)

    assert 0 <= low <= hits / of <= high <= 1


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        wilson(0, 0)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.00031, "0.031 %"),
        (0.12, "12 %"),
        (0.9997, "99.970 %"),
        (0.5, "50 %"),
    ],
)
def test_a_percentage_shows_the_digits_that_matter(share: float, words: str) -> None:
    assert percent(share) == words


def test_a_zero_is_told_with_its_bound_and_nothing_proves_nothing() -> None:
    assert counted(0, 1000) == "0 of 1,000 (95 %: below 0.30 %)"
    assert "proves nothing" in counted(0, 0)
    assert counted(3, 1000).startswith("3 of 1,000 = 0.30 %")
