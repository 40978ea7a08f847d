"""How many people a sum of money pays for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from helium.plan.bill import Counted
from helium.plan.planning import Plan, Question, make_plan
from helium.plan.prices import Prices

MOST_USERS = 1_000_000
End = Literal["budget", "instances", "connections", "looking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The most people, what they cost, what nobody at all would cost, and what ends it."""

    budget_microusd: int
    counted: Counted
    users: int
    microusd: int
    idle_microusd: int
    ended_by: End

    @property
    def enough(self) -> bool:
        """Whether the budget pays for an installation at all."""
        return self.idle_microusd <= self.budget_microusd


PlanFor = Callable[[int], Plan]


def planner(question: Question, prices: Prices | None = None) -> PlanFor:
    """The question's plan for other numbers of users; each is made once."""

    @cache
    def plan(users: int) -> Plan:
        return make_plan(replace(question, workload=replace(question.workload, users=users)), prices)

    return plan


def users_for(plan: PlanFor, budget_microusd: int, counted: Counted = "everything") -> Bought:
    """Bisect the people: the bill never falls when they become more. 0 where idling is too dear already."""

    def affordable(users: int) -> bool:
        return plan(users).microusd(counted) <= budget_microusd and plan(users).fits

    users = _most(affordable)
    return Bought(
        budget_microusd=budget_microusd,
        counted=counted,
        users=users,
        microusd=plan(users).microusd(counted),
        idle_microusd=plan(0).microusd(counted),
        ended_by=_end(plan(users + 1), counted, budget_microusd),
    )


def _most(holds: Callable[[int], bool]) -> int:
    """The largest number for which it holds, where it holds for all below; 0 where it never does."""
    if holds(MOST_USERS):
        return MOST_USERS
    low, high = 0, MOST_USERS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _end(next_one: Plan, counted: Counted, budget_microusd: int) -> End:
    if next_one.microusd(counted) > budget_microusd:
        return "budget"
    if next_one.short:
        return "instances"
    return "looking" if next_one.fits else "connections"
