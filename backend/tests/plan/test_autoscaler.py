"""The simulated day: by hand, and for any load."""

from hypothesis import given, settings
from hypothesis import strategies as st

from helium.plan.autoscaler import SCALERS, Scaler, simulate, whole
from helium.plan.profiles import MINUTES
from helium.plan.sizes import Size
from tests.plan.questions import steady, varying

FAST = Scaler(react_seconds=5, cold_start_seconds=15, scale_in_seconds=600)


def jump(at: int, low: float, high: float) -> tuple[float, ...]:
    return tuple(high if minute >= at else low for minute in range(MINUTES))


def test_a_steady_load_that_fits_never_waits() -> None:
    day = simulate(steady(60, hold_seconds=20, holds=80, size=Size(1, 1024, 1, 10, 0)), FAST)

    assert (day.arrived, day.served, day.late, day.waiting) == (86_400, 86_400, 0, 0)
    assert day.most_instances == 1
    assert day.instance_seconds == 86_400


def test_those_who_come_in_a_jump_wait_for_the_cold_start() -> None:
    # From 1 to 20 at once: one instance holds 5, filled to a half, so eight are wanted.
    capacity = varying(jump(600, 6, 120), hold_seconds=10, holds=5, size=Size(1, 1024, 1, 10, 0))

    day = simulate(capacity, FAST)

    # Ten come in each step of 5 s, and five places are free. Those who wait are load too, so for a while
    # all ten are wanted; nobody waits longer than the platform needs to see it and to start.
    assert day.most_instances == 10
    assert day.longest_wait_seconds <= 5 + 15
    before, during, after = day.minutes[599], day.minutes[600], day.minutes[620]
    assert (before.late, before.instances) == (0, 1)
    assert during.late > 20
    assert (after.late, after.waiting, after.instances) == (0, 0, 8)


def test_a_slower_start_makes_more_people_wait_longer() -> None:
    capacity = varying(jump(600, 6, 120), hold_seconds=10, holds=5, size=Size(1, 1024, 1, 10, 0))

    quick, slow = simulate(capacity, FAST), simulate(capacity, Scaler(
        react_seconds=5, cold_start_seconds=60, scale_in_seconds=600
    ))  # fmt: skip

    assert slow.late > quick.late
    assert slow.longest_wait_seconds > quick.longest_wait_seconds


def test_a_platform_that_looks_late_starts_late() -> None:
    capacity = varying(jump(600, 6, 120), hold_seconds=10, holds=5, size=Size(1, 1024, 1, 10, 0))
    blind = Scaler(react_seconds=180, cold_start_seconds=15, scale_in_seconds=600)

    day = simulate(capacity, blind)

    assert day.minutes[602].instances == 1
    assert day.minutes[602].waiting > 200
    assert day.minutes[604].instances > 1


def test_idle_instances_go_after_the_delay() -> None:
    rates = tuple(120.0 if 600 <= minute < 610 else 6.0 for minute in range(MINUTES))
    capacity = varying(rates, hold_seconds=10, holds=5, size=Size(1, 1024, 1, 10, 0))

    day = simulate(capacity, FAST)

    assert [day.minutes[minute].instances for minute in (602, 609, 618, 622)] == [10, 10, 8, 1]


def test_without_instances_the_first_waits_and_the_last_one_goes() -> None:
    rates = tuple(1.0 if minute == 100 else 0.0 for minute in range(MINUTES))
    capacity = varying(rates, hold_seconds=10, holds=5, size=Size(1, 1024, 0, 3, 0))

    day = simulate(capacity, FAST)

    assert (day.arrived, day.late, day.longest_wait_seconds) == (1, 1, 5 + 15)
    assert (day.minutes[99].instances, day.minutes[101].instances, day.minutes[200].instances) == (0, 1, 0)
    assert day.late_share == 1.0


def test_a_load_above_the_most_instances_waits_to_the_end() -> None:
    day = simulate(steady(120, hold_seconds=10, holds=5, size=Size(1, 1024, 1, 2, 0)), FAST)

    assert day.most_instances == 2
    assert day.waiting == day.arrived - day.served > 80_000


def test_short_stays_share_a_place_within_a_step() -> None:
    # 100 a second for 50 ms each are five at once: they fit in one instance of six.
    capacity = steady(6000, hold_seconds=0.05, holds=6, size=Size(1, 1024, 1, 1, 0))

    assert simulate(capacity, FAST).late == 0


def test_arrivals_are_whole_and_their_sum_is_exact() -> None:
    assert sum(whole([0.5] * MINUTES)) == MINUTES // 2
    assert set(whole([0.5] * MINUTES)) == {0, 1}
    assert whole([24.0]) == [2] * 12


sizes = st.tuples(st.integers(0, 4), st.integers(1, 20))
hours = st.lists(st.floats(0, 400, allow_nan=False), min_size=24, max_size=24)


@settings(max_examples=10, deadline=None)
@given(
    hours,
    st.floats(0.05, 900),
    st.floats(0.5, 500),
    sizes,
    st.sampled_from(
        [FAST, *SCALERS.values(), Scaler(react_seconds=0, cold_start_seconds=0, scale_in_seconds=0)]
    ),
)
def test_nobody_is_lost_and_there_are_never_more_instances_than_permitted(
    hourly: list[float], hold_seconds: float, holds: float, bounds: tuple[int, int], scaler: Scaler
) -> None:
    least, most = bounds[0], bounds[0] + bounds[1]
    rates = tuple(hourly[minute // 60] for minute in range(MINUTES))
    capacity = varying(rates, hold_seconds=hold_seconds, holds=holds, size=Size(1, 1024, least, most, 0))

    day = simulate(capacity, scaler)

    arrived = served = 0
    for minute in day.minutes:
        arrived += minute.arrived
        served += minute.served
        assert arrived == served + minute.waiting
        assert least <= minute.instances + minute.starting <= most
    assert day.arrived == day.served + day.waiting
    assert abs(day.arrived - sum(rates)) <= 1
    assert sum(minute.late for minute in day.minutes) == sum(count for _, count in day.waits)
