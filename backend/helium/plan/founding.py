"""The cost table of the founding document, line by line, beside what list prices say."""

from dataclasses import dataclass

from helium.plan.planning import Plan
from helium.plan.prices import SECONDS_PER_MONTH, Prices, usd

STREAMS, SNIPPET_CONCURRENCY, SNIPPET_TARGET = 1000, 80, 0.6
BUDGETS_USD = (250, 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A line of the table, its dollars, those of the plan, and what is wrong with it."""

    line: str
    said: str
    plan: str
    why: str


def findings(plan: Plan, prices: Prices) -> list[Finding]:
    """What the founding document's table says, against a plan for Google Cloud."""
    groups = {
        group: sum(line.microusd for line in plan.lines if line.group == group)
        for group in ("processes", "Redis", "queue")
    }
    missing = plan.microusd() - plan.microusd("founding")
    return [
        Finding(line="Cloud Run", said="50 to 200", plan=usd(groups["processes"]), why=_cloud_run(prices)),
        Finding(line="Redis Memorystore", said="150", plan=usd(groups["Redis"]), why=_redis(prices)),
        Finding(line="Cloud Tasks", said="10 to 50", plan=usd(groups["queue"]), why=_tasks(prices)),
        Finding(
            line="Total",
            said="250 to 400",
            plan=usd(plan.microusd("founding")),
            why="Its own lines add up to 210 to 400.",
        ),
        Finding(
            line="What it leaves out",
            said="0",
            plan=usd(missing),
            why="The database with recovery, egress, the edge, the page, errors, logs, alarms, secrets.",
        ),
    ]


def _cloud_run(prices: Prices) -> str:
    needed = -(-STREAMS // int(SNIPPET_CONCURRENCY * SNIPPET_TARGET))
    each = prices["gcp_vcpu"].microusd(SECONDS_PER_MONTH) + prices["gcp_memory"].microusd(SECONDS_PER_MONTH)
    return (
        "Not by the request: a stream is a request that stays open, and leases need the CPU all the time."
        f" Its 80 requests an instance, filled to 60 %, are {needed} instances of 1 vCPU and 1 GiB for"
        f" 1,000 streams: {usd(needed * each)} a month. The role `stream` holds 500 on each."
    )


def _redis(prices: Prices) -> str:
    return (
        f"5 GB, highly available, are {prices['gcp_redis_ha_5'].usd}; 1 GB is enough and"
        f" {prices['gcp_redis_ha_1'].usd}."
    )


def _tasks(prices: Prices) -> str:
    runs = 10 / float(prices["gcp_tasks"].usd) / 4
    return f"10 dollars are {runs:.1f} million runs a month, at four operations each."
