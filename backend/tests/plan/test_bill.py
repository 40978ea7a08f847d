"""The bill, line by line: by hand, with round figures."""

import pytest

from helium.plan.assumptions import Cloud, Environment, Provider, Workload
from helium.plan.bill import total_microusd
from helium.plan.planning import Plan, Question, make_plan
from helium.plan.prices import load_prices
from helium.plan.profiles import FLAT
from tests.plan.questions import ROUND, question

PRICES = load_prices()


def flat(
    cloud: Cloud,
    environment: Environment = "prod",
    provider: Provider = "supabase",
    *,
    sidecar: bool = False,
) -> Plan:
    """1,440 people all day, one run a second."""
    workload = Workload(users=1440, runs_per_user_per_day=60, profile=FLAT)
    asked = Question(
        workload=workload, cloud=cloud, environment=environment, provider=provider, sidecar=sidecar
    )
    return make_plan(asked, PRICES, ROUND)


def dollars(plan: Plan) -> dict[str, float]:
    return {line.what: round(line.microusd / 1e6, 2) for line in plan.lines}


def test_google_cloud_by_hand() -> None:
    bill = dollars(flat("gcp"))

    # Five stream instances, one worker of 2 GiB, one api, for 2,628,000 seconds.
    assert bill["stream: vCPU"] == round(5 * 2_628_000 * 0.000018, 2)
    assert bill["worker: memory"] == round(2 * 2_628_000 * 0.000002, 2)
    assert bill["api: vCPU"] == 47.30
    assert bill["free vCPU"] == round(-240_000 * 0.000018, 2)
    assert bill["Memorystore, 1 GB"] == 46.72
    # 2,628,000 runs, four operations each, a million free.
    assert bill["Cloud Tasks"] == round((4 * 2.628 - 1) * 0.40, 2)
    # 510 events of 200 bytes to 1.2 viewers, and six answers of 4 KiB.
    egress = 2_628_000 * (510 * 200 * 1.2 + 6 * 4096) / 2**30
    assert bill["egress to viewers"] == round((egress - 1) * 0.12, 2)
    assert bill["NAT (none: private ranges only)"] == 0
    assert bill["Cloud Scheduler: sweep, backup (three are free)"] == 0
    assert bill["secrets"] == 0.42
    # 35 days of the files and two fifths of the database: events with their heads, and 4,000 tokens asked.
    kept = 86_400 * 30 * 35 / 2**30
    database = 510 * 200 * 2 + 4000 * 4
    assert bill["Cloud Storage: backups"] == round(kept * (0.4 * database + 20_000) * 0.02, 2)


def test_aws_by_hand() -> None:
    bill = dollars(flat("aws"))

    # Five stream tasks of half a vCPU; two of each other.
    assert bill["stream: vCPU"] == round(5 * 0.5 * 730 * 0.03238, 2)
    assert bill["worker: memory"] == round(2 * 2 * 730 * 0.00356, 2)
    assert bill["NAT gateways, 2 ×"] == 65.70
    assert bill["addresses of NAT gateways"] == 7.20
    # Send, receive, delete and one heartbeat; two workers ask every 20 s.
    requests = 2.628 * 4 + 2 * 2_628_000 / 20 / 1e6
    assert bill["SQS"] == round((requests - 1) * 0.40, 2)
    assert bill["load balancer: ALB"] == 16.43
    assert bill["ElastiCache, Valkey t4g.small, 2 ×"] == 36.94


def test_supabase_with_recovery_is_130_dollars_before_what_grows() -> None:
    bill = {what: cost for what, cost in dollars(flat("gcp")).items() if what.startswith("Supabase")}

    assert bill.pop("Supabase: disk above 8 GB") > 0
    assert bill.pop("Supabase: egress above 250 GB") > 0
    assert sum(bill.values()) == 130


def test_cloud_sql_and_rds_are_twice_in_production_and_once_in_staging() -> None:
    google = dollars(flat("gcp", provider="cloud-sql"))
    assert google["Cloud SQL large: vCPU"] == round(2 * 4 * 0.0413 * 730, 2)
    assert google["Cloud SQL large: memory"] == round(2 * 15 * 0.007 * 730, 2)
    assert dollars(flat("aws", provider="rds"))["RDS medium"] == round(2 * 0.168 * 730, 2)
    assert dollars(flat("aws", "staging", "rds"))["RDS small"] == round(0.032 * 730, 2)


def test_spot_is_only_above_the_least_instances() -> None:
    workload = Workload(users=20_000, runs_per_user_per_day=200, profile=FLAT)

    bill = dollars(make_plan(Question(workload=workload, cloud="aws"), PRICES, ROUND))

    # 46.3 runs a second for 21 s are 972 at once: 14 workers of 100 to 70 %, two of them always on demand.
    assert bill["worker: vCPU, Spot"] == round(6 * 730 * 0.009714, 2)
    assert bill["worker: vCPU"] == round(8 * 730 * 0.03238, 2)


def test_the_sidecar_costs_as_much_cpu_as_the_processes() -> None:
    with_it, without = flat("gcp", sidecar=True), flat("gcp")

    assert dollars(with_it)["metrics' sidecars: vCPU"] == round(7 * 2_628_000 * 0.000018, 2)
    assert with_it.microusd("founding") - without.microusd("founding") == (
        PRICES["gcp_vcpu"].microusd(7 * 2_628_000) + PRICES["gcp_memory"].microusd(7 * 0.5 * 2_628_000)
    )


@pytest.mark.parametrize("cloud", ["gcp", "aws"])
def test_counts_are_parts_of_each_other(cloud: Cloud) -> None:
    plan = make_plan(question(cloud))

    assert 0 < plan.microusd("founding") < plan.microusd("cloud") < plan.microusd()
    assert total_microusd(plan.lines) == sum(line.microusd for line in plan.lines)


@pytest.mark.parametrize(
    ("cloud", "provider"), [("gcp", "supabase"), ("gcp", "cloud-sql"), ("aws", "supabase"), ("aws", "rds")]
)
@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_a_line_is_marked_as_its_price_is(
    cloud: Cloud, provider: Provider, environment: Environment
) -> None:
    plan = make_plan(question(cloud, environment=environment, provider=provider))

    assert all(line.verified == PRICES[line.price].verified for line in plan.lines)
    assert {line.group for line in plan.lines} >= {
        "processes", "Redis", "queue", "database", "files", "network", "edge", "watching", "others"
    }  # fmt: skip
