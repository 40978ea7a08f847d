"""All that `helium plan` says, from what was typed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from helium.plan.advice import advice
from helium.plan.autoscaler import SimulatedDay
from helium.plan.bill import Counted
from helium.plan.budget import Bought, planner, users_for
from helium.plan.founding import BUDGETS_USD
from helium.plan.models import DEFAULT_MODEL, NO_MODEL, ModelCost, model_cost
from helium.plan.planning import Plan, Question, make_plan, simulate_plan
from helium.plan.plot import draw
from helium.plan.prices import Prices, load_prices
from helium.plan.question import Typed, budget_microusd, question_of
from helium.plan.report import report
from helium.plan.sizes import Role
from helium.plan.view import view

COUNTS: tuple[Counted, ...] = ("founding", "cloud", "everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A plan, its simulated day, and what else was asked for."""

    plan: Plan
    days: Mapping[Role, SimulatedDay]
    prices: Prices
    model: ModelCost | None
    bought: tuple[Bought, ...]
    warnings: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        return report(
            self.plan,
            self.days,
            self.prices,
            model=self.model,
            bought=self.bought,
            warnings=self.warnings,
        )

    def view(self) -> Iterator[RenderableType]:
        return view(
            self.plan,
            self.days,
            self.prices,
            model=self.model,
            bought=self.bought,
            warnings=self.warnings,
        )

    def draw(self, path: Path) -> None:
        draw(self.plan, self.days, path)


def answer(
    typed: Typed,
    *,
    today: date,
    model: str = "",
    budgets_usd: Sequence[float] = (),
    prices: Prices | None = None,
) -> Answer:
    """Raises `PlanInvalid` with one sentence that says what to do. Old prices are seen from `today`."""
    prices = prices or load_prices()
    question = question_of(typed)
    budgets = [budget_microusd(dollars) for dollars in budgets_usd or BUDGETS_USD]
    plan = make_plan(question, prices)
    days = simulate_plan(plan)
    return Answer(
        plan=plan,
        days=days,
        prices=prices,
        model=_model(model, plan),
        bought=tuple(_bought(question, budgets, prices)),
        warnings=tuple(advice(plan, days, prices, today)),
    )


def _model(model: str, plan: Plan) -> ModelCost | None:
    if model == NO_MODEL:
        return None
    return model_cost(model or DEFAULT_MODEL, plan.question.workload, plan.demand)


def _bought(question: Question, budgets: Sequence[int], prices: Prices) -> Iterator[Bought]:
    plan = planner(question, prices)
    for budget in budgets:
        for counted in COUNTS:
            yield users_for(plan, budget, counted)
