"""`helium plan`: instances, connections and cost for so many people, before there is an account."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from helium.cli.failure import Failure
from helium.kit.clock import Clock, SystemClock
from helium.kit.times import moment

if TYPE_CHECKING:
    from helium.plan.answer import Answer
    from helium.plan.question import Typed

Cloud = Literal["gcp", "aws"]
Environment = Literal["staging", "prod"]
Provider = Literal["supabase", "cloud-sql", "rds"]
WIDE = 130


def plan(  # noqa: PLR0913 - each option is an argument
    cloud: Annotated[Cloud, typer.Option(help="Which cloud.")],
    users: Annotated[int | None, typer.Option(help="People at once in the busiest minute.")] = None,
    environment: Annotated[
        Environment, typer.Option("--environment", "--env", help="Whose sizes.")
    ] = "prod",
    provider: Annotated[Provider, typer.Option(help="Where the database is.")] = "supabase",
    runs_per_user: Annotated[float, typer.Option(help="Runs of one person on a day.")] = 20.0,
    tokens: Annotated[int, typer.Option(help="Tokens that a run's models say.")] = 1000,
    input_tokens: Annotated[int, typer.Option(help="Tokens that a run's models read.")] = 4000,
    profile: Annotated[str, typer.Option(help="How people come and go: day, rush or flat.")] = "day",
    csv: Annotated[Path | None, typer.Option(help="A profile of your own: hour,users.")] = None,
    model: Annotated[str, typer.Option(help="provider:model to count tokens for, or none.")] = "",
    budget: Annotated[list[float] | None, typer.Option(help="Dollars a month; may be repeated.")] = None,
    cold_start_seconds: Annotated[float | None, typer.Option(help="Until an instance serves.")] = None,
    scale_in_seconds: Annotated[float | None, typer.Option(help="Until an idle instance goes.")] = None,
    metrics_sidecar: Annotated[bool, typer.Option(help="Google's collector beside each process.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The plan as JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the day into this file (PNG, SVG, PDF).")] = None,
) -> None:
    """Say what so many people need and cost: instances, connections, a day of scaling, the bill."""
    from helium.plan.question import Typed  # only this command pays for what it computes with

    typed = Typed(
        users=users,
        cloud=cloud,
        environment=environment,
        provider=provider,
        runs_per_user=runs_per_user,
        tokens=tokens,
        input_tokens=input_tokens,
        profile=profile,
        csv=csv,
        cold_start_seconds=cold_start_seconds,
        scale_in_seconds=scale_in_seconds,
        sidecar=metrics_sidecar,
    )
    show(typed, model=model, budgets=budget or [], as_json=as_json, plot=plot, clock=SystemClock())


def show(
    typed: "Typed", *, model: str, budgets: list[float], as_json: bool, plot: Path | None, clock: Clock
) -> None:
    """Print the answer and draw it. Raises `Failure` with one sentence about what was typed."""
    from helium.plan.answer import answer
    from helium.plan.errors import PlanInvalid

    try:
        found = answer(typed, model=model, budgets_usd=budgets, today=moment(clock.time()).date())
        if plot is not None:
            found.draw(plot)
    except PlanInvalid as error:
        raise Failure(str(error)) from None
    if as_json:
        print(json.dumps(found.report(), indent=2))
    else:
        _print(found, plot)


def _print(found: "Answer", plot: Path | None) -> None:
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=WIDE)
    for part in found.view():
        console.print(part)
    if plot is not None:
        console.print(f"\nThe day is drawn in {plot}.", markup=False)
