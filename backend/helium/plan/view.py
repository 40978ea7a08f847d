"""A plan for a person, in a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from helium.plan import pages
from helium.plan.autoscaler import SimulatedDay
from helium.plan.budget import Bought
from helium.plan.founding import findings
from helium.plan.models import ModelCost
from helium.plan.planning import Plan
from helium.plan.prices import Prices, usd
from helium.plan.sizes import Role


def view(
    plan: Plan,
    days: Mapping[Role, SimulatedDay],
    prices: Prices,
    *,
    model: ModelCost | None,
    bought: Sequence[Bought],
    warnings: Sequence[str],
) -> Iterator[RenderableType]:
    yield Text.from_markup(f"[bold]{escape(title(plan))}[/]\n{escape(shape(plan))}\n")
    yield Text("Capacity in the busiest minute", style="bold")
    yield _rich(pages.capacity_table(plan))
    yield Text(f"{connections(plan)}\n")
    yield Text("A day of the autoscaler", style="bold")
    yield _rich(pages.day_table(plan, days, prices))
    yield Text("\nA month's bill in US dollars, at list prices (?: no source was found)", style="bold")
    yield _rich(pages.bill_table(plan))
    yield Text(models(model), style="" if model else "dim")
    yield Text("\nWhat a budget buys", style="bold")
    yield _rich(pages.budget_table([("", each) for each in bought]), skip=1)
    if plan.question.cloud == "gcp" and plan.question.environment == "prod":
        yield Text("\nThe founding document's cost table", style="bold")
        for each in findings(plan, prices):
            yield Text(f"{each.line}: it says ${each.said}; this plan, ${each.plan}. {each.why}")
    if warnings:
        yield Text("\nMind", style="bold")
        yield from (Text(f"- {warning}") for warning in warnings)


def title(plan: Plan) -> str:
    question = plan.question
    return (
        f"Helium for {question.workload.users:,} users at once on {question.cloud} ({question.environment},"
        f" {question.provider}): ${usd(plan.microusd())} a month, ${usd(plan.microusd('cloud'))} of it"
        " to the cloud itself"
    )


def shape(plan: Plan) -> str:
    demand, run = plan.demand, plan.demand.run
    return (
        f"{demand.runs_per_day:,.0f} runs a day, {demand.peak_runs_per_second:,.2g} a second at most."
        f" A run: {run.seconds:,.0f} s, {run.events:,.0f} events, {run.server_cpu_ms:,.0f} ms of CPU and"
        f" {run.database_cpu_ms:,.0f} ms of the database's."
    )


def connections(plan: Plan) -> str:
    return (
        f"Connections: {plan.peak_connections:,} in the busiest minute during a rollout,"
        f" {plan.most_connections:,} with all instances that sizes.tf permits;"
        f" {plan.question.provider} {plan.database.size} has {plan.database.connections:,}, and"
        f" {plan.database_cpu_share:.1%} of its CPU is busy."
    )


def models(model: ModelCost | None) -> str:
    if model is None:
        return "Models are not counted."
    each = model.microusd_per_run / 10_000
    return (
        f"Models, apart from that: {model.model}, {each:.2g} cents a run, ${usd(model.microusd)} a month."
    )


def _rich(table: pages.Table, *, skip: int = 0) -> RichTable:
    made = RichTable(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for at, name in enumerate(table.head[skip:], start=skip):
        made.add_column(name, justify="left" if at < table.left else "right", overflow="fold")
    for row in table.rows:
        made.add_row(*(_marked(cell) for cell in row[skip:]))
    return made


def _marked(cell: str) -> Text:
    return Text(cell.strip("*"), style="bold" if cell.startswith("**") else "")
