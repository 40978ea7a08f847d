"""The schedule of faults."""

from itertools import pairwise

import pytest

from chaos.faults import DECK, SHORTEST_PAUSE, WARM_UP_SECONDS, Sort, schedule

NAMES = ["api-1", "api-2", "stream-1", "stream-2", "worker-1", "worker-2"]


def test_the_same_seed_deals_the_same_faults_and_another_does_not() -> None:
    assert schedule(7, 600, NAMES) == schedule(7, 600, NAMES)
    assert schedule(7, 600, NAMES) != schedule(8, 600, NAMES)


@pytest.mark.parametrize("seed", range(20))
def test_each_fault_ends_a_pause_before_the_next(seed: int) -> None:
    faults = schedule(seed, 900, NAMES)

    assert faults[0].at == WARM_UP_SECONDS
    for before, after in pairwise(faults):
        assert after.at >= before.at + before.seconds + SHORTEST_PAUSE - 0.01
    assert faults[-1].at + faults[-1].seconds + SHORTEST_PAUSE <= 900


@pytest.mark.parametrize("seed", range(5))
def test_one_deck_holds_every_sort_and_strikes_the_right_processes(seed: int) -> None:
    faults = schedule(seed, 3600, NAMES)
    first_deck = faults[: sum(sort.times for sort in DECK.values())]

    assert {fault.sort for fault in first_deck} == set(DECK)
    for fault in faults:
        assert fault.target.startswith(DECK[fault.sort].role)
        assert bool(fault.target) == bool(DECK[fault.sort].role)


def test_a_deck_may_be_another_one() -> None:
    faults = schedule(1, 100, NAMES, {"flush redis": Sort(1, 0, 0)})

    assert {fault.sort for fault in faults} == {"flush redis"}
