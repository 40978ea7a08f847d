"""`helium release`: start, status, resume and rollback.

Exit codes: 0 promoted, 3 rolled back, 4 in progress or locked, 1 an error.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from helium.cli.failure import Failure
from helium.cli.release_view import Lines, Screen, View
from helium.kit.clock import Clock, SystemClock
from helium.release import (
    CloudAway,
    Conductor,
    Locked,
    Release,
    ReleaseError,
    ReleaseOptions,
    Superseded,
    open_release,
)
from helium.release.drive import OnStop
from helium.release.options import Cloud

PROMOTED, FAILED, ROLLED_BACK, IN_PROGRESS = 0, 1, 3, 4
app = typer.Typer(
    help="Bring a new image to production, gradually, and back by itself.", no_args_is_help=True
)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

CloudOption = Annotated[Cloud | None, typer.Option("--cloud", help="Which cloud: gcp or aws.")]
ServiceOption = Annotated[str | None, typer.Option("--service", help="The role whose traffic is shifted.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object in a line for each step.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="The process that holds the lock is dead: take it.")
]
OnSignal = Annotated[OnStop, typer.Option("--on-signal", help="What SIGINT and SIGTERM mean.")]
Act = Callable[[Conductor], Awaitable[Release]]


@app.command()
def start(
    image: Annotated[str, typer.Option("--image", help="name@sha256:…")],
    cloud: CloudOption = None,
    service: ServiceOption = None,
    stages: Annotated[str | None, typer.Option("--stages", help="Percent, such as 5,25,50,100.")] = None,
    soak: Annotated[float | None, typer.Option("--soak-seconds", help="Seconds at each stage.")] = None,
    as_json: JsonOption = False,
    on_signal: OnSignal = "rollback",
) -> None:
    """Migrate, make a revision without traffic, test it, shift traffic to it, promote the others."""
    options = _options(cloud=cloud, service=service, stages=stages, soak_seconds=soak)
    _conduct(options, lambda conductor: conductor.start(image, on_stop=on_signal), as_json=as_json)


@app.command()
def resume(
    cloud: CloudOption = None,
    service: ServiceOption = None,
    take_over: TakeOver = False,
    as_json: JsonOption = False,
    on_signal: OnSignal = "rollback",
) -> None:
    """Go on with a release whose process died."""
    options = _options(cloud=cloud, service=service)
    _conduct(
        options,
        lambda conductor: conductor.resume(take_over=take_over, on_stop=on_signal),
        as_json=as_json,
    )


@app.command()
def rollback(
    cloud: CloudOption = None,
    service: ServiceOption = None,
    take_over: TakeOver = False,
    as_json: JsonOption = False,
) -> None:
    """Bring everything back to what it was before the latest release."""
    options = _options(cloud=cloud, service=service)
    _conduct(options, lambda conductor: conductor.roll_back(take_over=take_over), as_json=as_json)


@app.command()
def status(cloud: CloudOption = None, service: ServiceOption = None, as_json: JsonOption = False) -> None:
    """Show the latest release."""
    clock = SystemClock()
    with _view(as_json=as_json, clock=clock) as view:
        found = _sentences(_read(_options(cloud=cloud, service=service), clock))
        if found is None:
            raise Failure("There is no release here yet: begin one with `helium release start`.")
        view.whole(found, clock.time())
    raise typer.Exit(code_of(found))


def code_of(release: Release) -> int:
    """The exit code that says how it ended, or that it has not."""
    return {"promoted": PROMOTED, "rolled_back": ROLLED_BACK}.get(release.state, IN_PROGRESS)


def _conduct(options: ReleaseOptions, act: Act, *, as_json: bool) -> None:
    clock = SystemClock()
    with _view(as_json=as_json, clock=clock) as view:
        ended = _sentences(_with_signals(options, act, clock, view))
        view.end(ended)
    raise typer.Exit(code_of(ended))


async def _with_signals(options: ReleaseOptions, act: Act, clock: Clock, view: View) -> Release:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_release(options, clock) as opened:
        return await act(Conductor(opened, options, clock, view, stop=stop))


async def _read(options: ReleaseOptions, clock: Clock) -> Release | None:
    async with open_release(options, clock) as opened:
        return await opened.target.read()


def _sentences(work: Any) -> Any:
    """Run it; its errors become one sentence and an exit code."""
    try:
        return asyncio.run(work)
    except (Locked, Superseded) as error:
        errors.print(f"[bold red]Error:[/] {error}", markup=True)
        raise typer.Exit(IN_PROGRESS) from None
    except CloudAway as error:
        raise Failure(
            f"The cloud does not let us go on: {error}. A release that was begun goes on with"
            " `helium release resume`."
        ) from None
    except ReleaseError as error:
        raise Failure(str(error)) from None


def _options(**given: Any) -> ReleaseOptions:
    try:
        return ReleaseOptions(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise Failure(f"HELIUM_RELEASE_{name} cannot be used: {first['msg']}.") from None


def _view(*, as_json: bool, clock: Clock) -> View:
    return Lines(clock) if as_json else Screen(clock)
