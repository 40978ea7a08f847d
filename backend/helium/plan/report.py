"""A plan as JSON. Money is whole micro-dollars; fields are only ever added, or `schema` becomes 2."""

from collections.abc import Mapping, Sequence
from typing import Any

from helium.plan.autoscaler import SimulatedDay
from helium.plan.bill import Line
from helium.plan.budget import Bought
from helium.plan.measured import load_measured
from helium.plan.models import ModelCost
from helium.plan.planning import Plan
from helium.plan.prices import Prices
from helium.plan.sizes import ROLES, Role

SCHEMA = 1


def day_microusd(plan: Plan, role: Role, day: SimulatedDay, prices: Prices) -> int:
    """What a role's instances cost on the simulated day, at list prices, without what is free."""
    size, seconds = plan.capacities[role].size, day.instance_seconds
    per = 1 if plan.question.cloud == "gcp" else 3600
    cloud = plan.question.cloud
    vcpu = prices[f"{cloud}_vcpu"].microusd(size.cpu * seconds / per)
    return vcpu + prices[f"{cloud}_memory"].microusd(size.memory_mib / 1024 * seconds / per)


def report(
    plan: Plan,
    days: Mapping[Role, SimulatedDay],
    prices: Prices,
    *,
    model: ModelCost | None,
    bought: Sequence[Bought],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Everything that is shown, in plain values."""
    return {
        "schema": SCHEMA,
        "question": _question(plan),
        "demand": _demand(plan),
        "roles": {role: _role(plan, role, days[role], prices) for role in ROLES},
        "connections": {
            "peak": plan.peak_connections,
            "most": plan.most_connections,
            "permitted": plan.database.connections,
            "database_size": plan.database.size,
            "database_cpu_share": round(plan.database_cpu_share, 4),
        },
        "lines": [_line(each, prices) for each in plan.lines],
        "totals_microusd": {
            "founding": plan.microusd("founding"),
            "cloud": plan.microusd("cloud"),
            "everything": plan.microusd(),
        },
        "models": None if model is None else _model(model),
        "budgets": [_bought(each) for each in bought],
        "warnings": list(warnings),
        "measured": dict(load_measured().sources),
    }


def _question(plan: Plan) -> dict[str, Any]:
    question, workload = plan.question, plan.question.workload
    return {
        "cloud": question.cloud,
        "environment": question.environment,
        "provider": question.provider,
        "users": workload.users,
        "runs_per_user_per_day": workload.runs_per_user_per_day,
        "tokens_per_run": workload.tokens_per_run,
        "input_tokens_per_run": workload.input_tokens_per_run,
        "profile": workload.profile.name,
        "metrics_sidecar": question.sidecar,
        "cold_start_seconds": question.speed.cold_start_seconds,
        "scale_in_seconds": question.speed.scale_in_seconds,
    }


def _demand(plan: Plan) -> dict[str, Any]:
    demand = plan.demand
    return {
        "runs_per_day": demand.runs_per_day,
        "peak_runs_per_second": round(demand.peak_runs_per_second, 4),
        "peak_runs_at_once": round(demand.peak_runs_at_once, 2),
        "run_seconds": demand.run.seconds,
        "events_per_run": demand.run.events,
        "server_cpu_ms_per_run": round(demand.run.server_cpu_ms, 3),
        "database_cpu_ms_per_run": round(demand.run.database_cpu_ms, 3),
        "egress_gib": round(demand.egress_gib, 2),
        "database_gib": round(demand.database_gib, 2),
        "files_gib": round(demand.files_gib, 2),
        "logs_gib": round(demand.logs_gib, 2),
    }


def _role(plan: Plan, role: Role, day: SimulatedDay, prices: Prices) -> dict[str, Any]:
    capacity = plan.capacities[role]
    return {
        "unit": capacity.load.unit,
        "min": capacity.size.min,
        "max": capacity.size.max,
        "peak_instances": capacity.peak_instances,
        "peak_held": round(max(capacity.load.held), 2),
        "target": round(capacity.target, 2),
        "limited_by": capacity.limited_by,
        "day": {
            "arrived": day.arrived,
            "served": day.served,
            "waiting": day.waiting,
            "late": day.late,
            "late_share": round(day.late_share, 6),
            "mean_wait_seconds": round(day.mean_wait_seconds, 4),
            "longest_wait_seconds": day.longest_wait_seconds,
            "most_instances": day.most_instances,
            "instance_hours": round(day.instance_seconds / 3600, 2),
            "microusd": day_microusd(plan, role, day, prices),
            "instances_by_minute": [minute.instances for minute in day.minutes],
        },
    }


def _line(line: Line, prices: Prices) -> dict[str, Any]:
    price = prices[line.price]
    return {
        "group": line.group,
        "what": line.what,
        "quantity": round(line.quantity, 3),
        "unit": line.unit,
        "price": price.id,
        "price_usd": str(price.usd),
        "price_source": price.source,
        "price_date": price.date.isoformat(),
        "verified": line.verified,
        "microusd": line.microusd,
    }


def _model(model: ModelCost) -> dict[str, Any]:
    return {
        "model": model.model,
        "microusd_per_run": model.microusd_per_run,
        "microusd_per_month": model.microusd,
    }


def _bought(bought: Bought) -> dict[str, Any]:
    return {
        "budget_microusd": bought.budget_microusd,
        "counted": bought.counted,
        "users": bought.users if bought.enough else None,
        "microusd": bought.microusd,
        "idle_microusd": bought.idle_microusd,
        "ended_by": bought.ended_by,
    }
