"""The table, the record and the arithmetic: pure."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helium.release import Plan, Release, ReleaseOptions, Seen
from helium.release.cloud_run_bodies import foreign_tags, in_force, serving, traffic
from helium.release.ecs_bodies import gradual, step, suffix
from helium.release.machine import ENDS, FIRST, TRANSITIONS, State, after, diagram, table
from helium.release.record import DIGEST, decode, encode, plan_problem
from helium.release.soak import burn, judge

DOCS = Path(__file__).parents[3] / "docs" / "operations" / "release.md"


def test_the_documentation_shows_the_table() -> None:
    text = DOCS.read_text()

    assert diagram() in text
    assert table() in text


def test_every_option_is_in_the_documentation() -> None:
    text = DOCS.read_text()

    missing = [
        name for name in ReleaseOptions.model_fields if f"`HELIUM_RELEASE_{name.upper()}`" not in text
    ]
    assert missing == ["endpoint"]


def test_every_way_through_the_table_ends() -> None:
    states = set[State](get_args(State))
    reached = {FIRST}
    for _ in states:
        reached |= {t.target for t in TRANSITIONS if t.source in reached}

    assert reached == states
    for state in states - {*ENDS, "rolling_back"}:
        assert after(state, "failed") == after(state, "stopped") == "rolling_back"
    assert after("rolling_back", "done") == "rolled_back"
    with pytest.raises(ValueError, match="a release that is rolled_back cannot be done"):
        after("rolled_back", "done")


def test_a_record_survives_its_encoding() -> None:
    release = Release(
        id="a",
        image="x@sha256:1",
        service="api",
        plan=Plan(),
        state="soaking",
        began_at=1.0,
        before={"api": "r1"},
        notes=("n",),
    )

    assert decode(encode(release)) == release
    with pytest.raises(ValueError, match="missing required field"):
        decode(b"{}")


@pytest.mark.parametrize(
    ("requests", "errors", "verdict"),
    [
        (60, 0, "healthy"),
        (59, 59, "quiet"),
        (0, 0, "quiet"),
        (1000, 14, "healthy"),
        (1000, 15, "burning"),
    ],
)
def test_a_budget_is_judged_with_enough_requests_only(requests: int, errors: int, verdict: str) -> None:
    assert judge(Plan(), Seen(requests, errors)) == verdict


def test_a_burn_of_one_spends_exactly_the_budget() -> None:
    assert burn(Seen(1000, 1), 99.9) == pytest.approx(1.0)
    assert burn(Seen(0, 0), 99.9) == 0.0


@given(st.lists(st.integers(min_value=-5, max_value=105), max_size=6))
def test_only_rising_stages_that_end_with_all_are_a_plan(stages: list[int]) -> None:
    good = stages == sorted(set(stages)) and bool(stages) and stages[0] > 0 and stages[-1] == 100

    assert (plan_problem(Plan(stages=tuple(stages))) is None) == good


@given(st.integers(min_value=0, max_value=100))
def test_a_split_of_traffic_always_sums_up(percent: int) -> None:
    entries = traffic({"old": 100 - percent, "new": percent}, {"c-1": "new"}, [])

    assert sum(entry.get("percent", 0) for entry in entries) == 100
    assert sum(serving({"traffic": entries}).values()) == 100


def test_a_digest_is_the_only_name_of_an_image() -> None:
    assert DIGEST.fullmatch("host/helium@sha256:" + "0" * 64)
    for name in (
        "helium",
        "helium:1",
        "helium@sha256:" + "0" * 63,
        "helium@sha256:" + "0" * 65,
        "a b@sha256:",
    ):
        assert not DIGEST.fullmatch(name)


def test_latest_traffic_is_that_of_the_newest_ready_revision() -> None:
    service = {"latestReadyRevision": "projects/p/revisions/r7", "trafficStatuses": [{"revision": "r7"}]}

    assert serving(service) == {"r7": 100}
    assert in_force(service) == {}
    assert foreign_tags({"traffic": [{"tag": "c-1"}, {"tag": "mine", "percent": 5}]}) == [{"tag": "mine"}]


def test_ecs_steps_meet_every_stage() -> None:
    plan = Plan(stages=(5, 25, 50, 100), soak_seconds=600, patience_seconds=300)

    configuration = gradual({"alarms": {"enable": True}, "deploymentCircuitBreaker": {}}, plan)

    assert step(plan) == 5
    assert configuration["alarms"] == {"enable": True}
    assert "deploymentCircuitBreaker" not in configuration
    assert configuration["lifecycleHooks"][0]["timeoutConfiguration"] == {
        "timeoutInMinutes": 45,
        "action": "ROLLBACK",
    }
    rule = "arn:aws:elasticloadbalancing:eu:1:listener-rule/app/helium/50dc/f2f7/9"
    assert suffix(rule, "listener-rule") == "app/helium/50dc"
