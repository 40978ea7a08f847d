"""What runs cost, what instances hold, how many are needed: by hand, and for any load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helium.plan.assumptions import Cloud, Workload
from helium.plan.capacity import RoleCapacity, capacities, loads_of, schedule
from helium.plan.demand import Demand, demand_of
from helium.plan.profiles import FLAT, MINUTES, RUSH
from helium.plan.sizes import STACKS, Role, Size
from tests.plan.questions import ASSUMED, ROUND, steady, varying

FLAT_DAY = Workload(users=1440, runs_per_user_per_day=60, tokens_per_run=1000, profile=FLAT)


@pytest.fixture
def demand() -> Demand:
    return demand_of(FLAT_DAY, ROUND, ASSUMED)


def test_a_run_of_1000_tokens_by_hand(demand: Demand) -> None:
    run = demand.run

    assert run.seconds == 1 + 1000 / 50
    assert run.events == 10 + 20 / 0.04
    assert run.sent_bytes == 510 * 200
    assert run.stored_bytes == 2 * 510 * 200
    assert run.server_cpu_ms == pytest.approx(1000 * 2.5 / 50 * 2)
    assert run.database_cpu_ms == pytest.approx(1000 * 0.5 / 50 * 2)


def test_a_day_of_one_run_a_second_by_hand(demand: Demand) -> None:
    assert demand.runs_per_day == 86_400
    assert demand.run_arrivals == pytest.approx((60.0,) * MINUTES)
    assert demand.peak_runs_per_second == pytest.approx(1)
    assert demand.peak_runs_at_once == pytest.approx(21)
    assert demand.runs_per_month == pytest.approx(86_400 * 730 / 24)
    assert demand.to_models_gib == pytest.approx(86_400 * 730 / 24 * 16_000 / 2**30)


def test_a_short_answer_has_no_more_events_than_tokens() -> None:
    run = demand_of(Workload(users=1, tokens_per_run=3), ROUND, ASSUMED).run

    assert run.events == pytest.approx(10 + 0.06 / 0.04)
    fast = demand_of(Workload(users=1, tokens_per_run=1), ROUND, ASSUMED).run
    assert fast.events <= 11


def of(cloud: Cloud, demand: Demand) -> dict[Role, RoleCapacity]:
    return capacities(cloud, STACKS[cloud, "prod"], demand, ROUND, ASSUMED)


def test_instances_on_google_cloud_by_hand(demand: Demand) -> None:
    found = of("gcp", demand)

    # 500 streams to 60 %: 1,440 need five. 21 runs: one worker, of 80 to 60 %.
    assert (found["stream"].target, found["stream"].peak_instances) == (300, 5)
    assert (found["worker"].target, found["worker"].peak_instances) == (48, 1)
    # A request costs 2.5 ms twice and stays for 50 ms: 1,000 ms of CPU to 60 % hold six at once.
    assert found["api"].target == pytest.approx(6)
    assert found["api"].limited_by == "CPU"
    # (1,024 MiB × 0.7 - 100 MiB) at 16 KiB each.
    assert found["stream"].aims["memory"] == pytest.approx((1024 * 0.7 - 100) * 64)


def test_instances_on_aws_by_hand(demand: Demand) -> None:
    found = of("aws", demand)

    # 1,200 requests a minute to 70 %, each for 50 ms.
    assert found["api"].target == pytest.approx(1200 / 60 * 0.05 * 0.7)
    # 6 requests a second, 14 each.
    assert found["api"].peak_instances == 2
    # Nothing refuses what is above that figure but the CPU: 500 ms a second at 100 ms a second each.
    assert found["api"].holds == pytest.approx(5)
    assert (found["stream"].target, found["stream"].peak_instances) == (350, 5)


def test_the_sweep_keeps_a_worker_where_google_cloud_may_scale_to_nothing() -> None:
    nobody = demand_of(Workload(users=0), ROUND, ASSUMED)

    found = capacities("gcp", STACKS["gcp", "staging"], nobody, ROUND, ASSUMED)

    assert {role: each.peak_instances for role, each in found.items()} == {
        "api": 0,
        "stream": 0,
        "worker": 1,
    }


def test_streams_come_with_people_and_again_every_ten_minutes() -> None:
    demand = demand_of(Workload(users=1000, profile=RUSH), ROUND, ASSUMED)

    arrivals = loads_of(demand, ASSUMED)["stream"].arrivals

    assert arrivals[:9] == (10.0,) * 9
    assert arrivals[540] == 900 + 10
    assert arrivals[541] == 10
    assert arrivals[550] == 910
    assert arrivals[600] == pytest.approx(910 - 900)


def test_instances_are_kept_for_a_while_and_round_the_clock() -> None:
    rates = [0.0] * MINUTES
    rates[100] = rates[MINUTES - 1] = 600.0

    found = schedule(
        varying(tuple(rates), hold_seconds=6, holds=40, size=Size(1, 1024, 1, 9, 0)), scale_in_minutes=2
    )

    assert [minute for minute, count in enumerate(found) if count == 3] == [
        0,
        1,
        100,
        101,
        102,
        MINUTES - 1,
    ]
    assert set(found) == {1, 3}


def test_a_load_above_what_all_instances_hold_is_short() -> None:
    size = Size(1, 1024, 1, 2, 0)

    assert not steady(60, hold_seconds=80, holds=40, size=size).short
    assert steady(61, hold_seconds=80, holds=40, size=size).short


loads = st.floats(0, 1e6, allow_nan=False)


@given(loads, loads, st.integers(0, 5), st.integers(0, 50), st.floats(0.1, 1e4))
def test_wanted_instances_grow_with_the_load_within_their_bounds(
    one: float, other: float, least: int, more: int, holds: float
) -> None:
    size = Size(1, 1024, least, least + more, 0)
    capacity = steady(1, hold_seconds=1, holds=holds, size=size)

    low, high = capacity.wanted(min(one, other)), capacity.wanted(max(one, other))

    assert least <= low <= high <= least + more
