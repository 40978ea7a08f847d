"""What a person should know about a plan: one sentence each, with what to do."""

import math
from collections.abc import Iterator, Mapping
from datetime import date

from helium.plan.autoscaler import SimulatedDay
from helium.plan.database import smallest
from helium.plan.planning import Plan
from helium.plan.prices import Prices, age_warning, usd
from helium.plan.sizes import POOL_SIZE, ROLLOUT, Role

BUSY_DATABASE = 0.5
LATE_SHARE = 0.001


def advice(plan: Plan, days: Mapping[Role, SimulatedDay], prices: Prices, today: date) -> list[str]:
    old = age_warning((prices[line.price] for line in plan.lines), today)
    return [*_capacity(plan, days), *_connections(plan), *_money(plan), *([old] if old else [])]


def _capacity(plan: Plan, days: Mapping[Role, SimulatedDay]) -> Iterator[str]:
    for role in plan.short:
        capacity = plan.capacities[role]
        needed = max(capacity.load.held) / capacity.target
        yield (
            f"{role}: {capacity.size.max} instances cannot hold the busiest minute; raise its max in"
            f" sizes.tf to {math.ceil(needed)}."
        )
    for role, day in days.items():
        if day.late_share > LATE_SHARE and role not in plan.short:
            yield (
                f"{role}: {day.late_share:.1%} wait for an instance to start, up to"
                f" {day.longest_wait_seconds:.0f} s; raise its min in sizes.tf."
            )
    if plan.database_cpu_share > BUSY_DATABASE:
        yield (
            f"The database's CPU is {plan.database_cpu_share:.0%} busy in the busiest minute: take a larger"
            f" size than {plan.database.size}."
        )


def _connections(plan: Plan) -> Iterator[str]:
    permitted, most = plan.database.connections, plan.most_connections
    if plan.peak_connections > permitted:
        yield (
            f"The busiest minute may open {plan.peak_connections:,} connections, and"
            f" {plan.question.provider} {plan.database.size} has {permitted:,}: take a larger size."
        )
    if most > permitted:
        fits = permitted // ((POOL_SIZE + 1) * ROLLOUT)
        larger = smallest(plan.question.provider, most)
        otherwise = f", or take the size {larger.size}" if larger else ""
        yield (
            f"sizes.tf permits instances that may open {most:,} connections, and"
            f" {plan.question.provider} {plan.database.size} has {permitted:,}: lower the services' max to"
            f" {fits} in all{otherwise}."
        )


def _money(plan: Plan) -> Iterator[str]:
    guessed = sum(abs(line.microusd) for line in plan.lines if not line.verified)
    if guessed:
        yield f"${usd(guessed)} of the bill rest on prices for which no source was found (marked ?)."
    if plan.question.cloud == "gcp" and plan.question.provider == "supabase":
        yield (
            "Supabase runs on AWS: each query crosses clouds. Pair regions of one metro, such as us-east4"
            " with us-east-1."
        )
