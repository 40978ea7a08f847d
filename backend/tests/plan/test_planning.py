"""Plans as wholes: they grow with people, agree with the simulator, and say what is wrong."""

import datetime
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helium.plan.advice import advice
from helium.plan.assumptions import Cloud, Workload
from helium.plan.budget import planner, users_for
from helium.plan.errors import PlanInvalid
from helium.plan.founding import findings
from helium.plan.models import model_cost
from helium.plan.planning import Plan, make_plan, simulate_plan
from helium.plan.prices import load_prices
from helium.plan.profiles import DAY, FLAT, RUSH
from helium.plan.sizes import ROLES
from tests.plan.questions import question

TODAY = datetime.date(2026, 11, 25)
PRICES = load_prices()


def told(plan: Plan) -> str:
    return "\n".join(advice(plan, simulate_plan(plan), PRICES, TODAY))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 200_000),
    st.integers(0, 200_000),
    st.sampled_from(["gcp", "aws"]),
    st.sampled_from(["staging", "prod"]),
    st.sampled_from([DAY, RUSH, FLAT]),
    st.integers(1, 20_000),
)
def test_more_people_never_need_less_nor_cost_less(
    one: int, other: int, cloud: Cloud, environment: str, profile: object, tokens: int
) -> None:
    def plan(users: int) -> Plan:
        asked = question(cloud, environment=environment)
        work = replace(asked.workload, users=users, profile=profile, tokens_per_run=tokens)
        return make_plan(replace(asked, workload=work))

    few, many = plan(min(one, other)), plan(max(one, other))

    assert few.microusd() <= many.microusd()
    assert few.microusd("founding") <= many.microusd("founding")
    for role in ROLES:
        assert max(few.schedules[role]) <= max(many.schedules[role]) <= many.capacities[role].size.max


@pytest.mark.parametrize("cloud", ["gcp", "aws"])
@pytest.mark.parametrize("users", [1000, 2500])
def test_the_billed_instances_are_those_of_the_simulated_day_within_2_percent(
    cloud: Cloud, users: int
) -> None:
    plan = make_plan(question(cloud, users))

    days = simulate_plan(plan)

    for role in ROLES:
        assert days[role].instance_seconds == pytest.approx(60 * sum(plan.schedules[role]), rel=0.02)


def test_a_database_of_another_cloud_is_refused_with_a_sentence() -> None:
    with pytest.raises(PlanInvalid, match="There is no rds on gcp: take supabase or cloud-sql"):
        make_plan(question("gcp", provider="rds"))


def test_connections_beyond_the_database_are_told_with_what_fits() -> None:
    plan = make_plan(question("gcp"))

    assert (plan.peak_connections, plan.most_connections) == (36, 1260)
    assert "lower the services' max to 66 in all, or take the size 2xl" in told(plan)
    assert "connections" not in told(make_plan(question("aws")))


def test_supabase_grows_with_the_connections_of_the_busiest_minute() -> None:
    sizes = [
        make_plan(question("gcp", users, environment="prod")).database.size for users in (100, 400_000)
    ]
    assert sizes[0] == "small"
    assert sizes[1] != "small"
    assert make_plan(question("gcp", 10, environment="staging")).database.size == "micro"


def test_too_many_people_are_told_which_max_to_raise() -> None:
    plan = make_plan(question("gcp", 9000))

    said = told(plan)

    assert plan.short == ("stream",)
    assert "stream: 10 instances cannot hold the busiest minute; raise its max in sizes.tf to 30" in said
    assert "raise its min" not in said


def test_a_rush_is_told_with_its_share_and_its_wait() -> None:
    asked = question("gcp", 3000)
    plan = make_plan(replace(asked, workload=replace(asked.workload, profile=RUSH)))

    assert "stream: 2.0% wait for an instance to start, up to 20 s; raise its min" in told(plan)


def test_old_prices_and_unverified_ones_are_told() -> None:
    said = told(make_plan(question("gcp")))

    assert "gcp_redis_ha_1" in said
    assert "no source was found" in said


@pytest.mark.parametrize("cloud", ["gcp", "aws"])
@pytest.mark.parametrize("dollars", [250, 400, 600, 2000])
def test_a_budget_buys_exactly_so_many_people(cloud: Cloud, dollars: int) -> None:
    bought = users_for(planner(question(cloud)), dollars * 1_000_000, "founding")

    assert bought.enough
    assert make_plan(question(cloud, bought.users)).microusd("founding") == bought.microusd
    assert bought.microusd <= dollars * 1_000_000
    more = make_plan(question(cloud, bought.users + 1))
    ends = {"budget": more.microusd("founding") > dollars * 1_000_000, "instances": bool(more.short)}
    assert ends[bought.ended_by]


def test_money_does_not_buy_more_instances_than_are_permitted() -> None:
    bought = users_for(planner(question("gcp")), 100_000_000_000)

    # Ten stream instances of 500.
    assert (bought.users, bought.ended_by) == (5000, "instances")


def test_money_does_not_buy_more_connections_than_the_database_has() -> None:
    asked = question("gcp", provider="cloud-sql")
    busy = replace(asked, workload=replace(asked.workload, runs_per_user_per_day=4000))

    bought = users_for(planner(busy), 100_000_000_000)

    assert bought.ended_by == "connections"
    assert planner(busy)(bought.users).peak_connections <= 607


def test_a_budget_below_the_idle_bill_buys_nobody() -> None:
    bought = users_for(planner(question("gcp")), 250_000_000)

    assert not bought.enough
    assert bought.users == 0
    assert bought.idle_microusd == make_plan(question("gcp", 0)).microusd() > 250_000_000


def test_a_larger_budget_never_buys_fewer_people() -> None:
    plan = planner(question("aws"))
    users = [users_for(plan, dollars * 1_000_000).users for dollars in (440, 500, 700)]

    assert users == sorted(users)
    assert users[0] > 0


def test_the_founding_table_is_compared_line_by_line() -> None:
    rows = {each.line: each for each in findings(make_plan(question("gcp")), PRICES)}

    assert rows["Redis Memorystore"].why == "5 GB, highly available, are 197.10; 1 GB is enough and 46.72."
    # 1,000 streams at 48 an instance are 21, at 52.56 dollars each.
    assert "21 instances of 1 vCPU and 1 GiB for 1,000 streams: 1,104 a month" in rows["Cloud Run"].why
    assert rows["Total"].why == "Its own lines add up to 210 to 400."


def test_models_cost_their_tokens_by_the_price_list_of_runs() -> None:
    plan = make_plan(question("gcp", 1000))
    workload = plan.question.workload

    cost = model_cost("openai:gpt-5-mini", workload, plan.demand)

    # 4,000 tokens in at 0.25 dollars a million, 1,000 out at 2.
    assert cost.microusd_per_run == 3000
    assert cost.microusd == round(3000 * 20_000 * 730 / 24)


@pytest.mark.parametrize(
    ("model", "said"), [("gpt-5", "must be provider:model"), ("a:b", "has no price of a:b")]
)
def test_a_model_without_a_price_is_one_sentence(model: str, said: str) -> None:
    plan = make_plan(question("gcp"))

    with pytest.raises(PlanInvalid, match=said):
        model_cost(model, Workload(users=1), plan.demand)
