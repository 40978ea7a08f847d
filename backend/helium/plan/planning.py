"""A plan: capacity, connections and a month's bill of one workload on one cloud."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from helium.plan.assumptions import Assumptions, Cloud, Environment, Provider, Workload
from helium.plan.autoscaler import SCALERS, Scaler, SimulatedDay, simulate
from helium.plan.aws import aws_lines
from helium.plan.bill import Charge, Counted, Line, charger, total_microusd
from helium.plan.capacity import RoleCapacity, capacities, schedule
from helium.plan.database import database_lines, database_of
from helium.plan.demand import Demand, demand_of
from helium.plan.errors import PlanInvalid
from helium.plan.gcp import gcp_lines
from helium.plan.measured import Measured, load_measured
from helium.plan.prices import Prices, load_prices
from helium.plan.sizes import OF_CLOUD, ROLES, STACKS, Database, Role, Stack, connections
from helium.plan.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be planned."""

    workload: Workload
    cloud: Cloud
    environment: Environment = "prod"
    provider: Provider = "supabase"
    sidecar: bool = False
    scaler: Scaler | None = None
    assumed: Assumptions = field(default_factory=Assumptions)

    @property
    def speed(self) -> Scaler:
        return self.scaler or SCALERS[self.cloud]

    @property
    def stack(self) -> Stack:
        return STACKS[self.cloud, self.environment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer. `schedules` are instances in each minute of the day."""

    question: Question
    demand: Demand
    capacities: Mapping[Role, RoleCapacity]
    schedules: Mapping[Role, tuple[int, ...]]
    database: Database
    lines: tuple[Line, ...]

    def microusd(self, counted: Counted = "everything") -> int:
        return total_microusd(self.lines, counted)

    @property
    def peak_processes(self) -> int:
        return sum(max(minutes) for minutes in self.schedules.values())

    @property
    def peak_connections(self) -> int:
        return connections(self.peak_processes)

    @property
    def most_connections(self) -> int:
        """With as many instances as sizes.tf permits: what Terraform checks."""
        return connections(sum(capacity.size.max for capacity in self.capacities.values()))

    @property
    def database_cpu_share(self) -> float:
        """Of the database's CPU, in the busiest minute."""
        needed = self.demand.peak_runs_per_second * self.demand.run.database_cpu_ms / 1000
        return needed / self.database.vcpu

    @property
    def short(self) -> tuple[Role, ...]:
        """Roles whose most instances cannot hold the busiest minute."""
        return tuple(role for role in ROLES if self.capacities[role].short)

    @property
    def fits(self) -> bool:
        return not self.short and self.peak_connections <= self.database.connections


def make_plan(question: Question, prices: Prices | None = None, measured: Measured | None = None) -> Plan:
    """Raises `PlanInvalid` where the cloud does not have the database."""
    if question.provider not in OF_CLOUD[question.cloud]:
        there = " or ".join(OF_CLOUD[question.cloud])
        raise PlanInvalid(f"There is no {question.provider} on {question.cloud}: take {there}.")
    measured = measured or load_measured()
    demand = demand_of(question.workload, measured, question.assumed)
    found = capacities(question.cloud, question.stack, demand, measured, question.assumed)
    minutes: dict[Role, tuple[int, ...]] = {
        role: schedule(each, question.speed.scale_in_minutes) for role, each in found.items()
    }
    needed = connections(sum(max(each) for each in minutes.values()))
    database = database_of(question.provider, question.stack, question.environment, needed)
    hours: dict[Role, float] = {role: sum(each) / 60 for role, each in minutes.items()}
    usage = Usage(
        environment=question.environment,
        stack=question.stack,
        sizes={role: each.size for role, each in found.items()},
        instance_hours=hours,
        provider=question.provider,
        database=database,
        demand=demand,
        assumed=question.assumed,
        sidecar=question.sidecar,
    )
    return Plan(
        question=question,
        demand=demand,
        capacities=found,
        schedules=minutes,
        database=database,
        lines=tuple(_lines(question.cloud, usage, charger(prices or load_prices()))),
    )


def _lines(cloud: Cloud, usage: Usage, charge: Charge) -> list[Line]:
    lines = [*(gcp_lines if cloud == "gcp" else aws_lines)(usage, charge), *database_lines(usage, charge)]
    lines.append(charge("others", "Vercel Pro: the page", "vercel_pro", 1 if usage.prod else 0))
    lines.append(charge("others", "Sentry Team", "sentry_team", 1 if usage.prod else 0))
    return lines


def simulate_plan(plan: Plan) -> dict[Role, SimulatedDay]:
    return {role: simulate(plan.capacities[role], plan.question.speed) for role in ROLES}
