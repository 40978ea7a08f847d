"""The commands, and the one place where their errors become sentences."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, TypeVar
from uuid import UUID

import typer
import uvloop
from rich.console import Console

from helium import __version__
from helium.adapters.embedded_postgres import EmbeddedPostgresFailed
from helium.cli import database, plan, questions, release, serve
from helium.cli.failure import Failure
from helium.core.errors import HeliumError
from helium.db.database import CONNECTION_ERRORS
from helium.kit.logs import flush_logs
from helium.settings import Settings, SettingsInvalid, load_settings

app = typer.Typer(
    name="helium",
    help="Runs AI agents for many people at once and never loses their work.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(database.app, name="db")
drills = typer.Typer(help="Exercises for bad days.", no_args_is_help=True)
app.add_typer(drills, name="drill")
app.add_typer(release.app, name="release")
app.command("plan")(plan.plan)
PLACE = "gs://…, s3://… or file:///…"
Kept = Annotated[str | None, typer.Option("--from", envvar="HELIUM_BACKUP_URL", help=PLACE)]
BackupName = Annotated[str, typer.Option("--name", help="Which backup.")]
T = TypeVar("T")
errors = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def up(
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes on one address; SIGHUP replaces them.")
    ] = 1,
) -> None:
    """Start everything: database, API, worker, page."""
    run_loop(serve.up(settings(), browser=browser, processes=processes))


@app.command()
def api() -> None:
    """Serve the API and the page only; workers run elsewhere."""
    run_loop(serve.role(settings(), "api"))


@app.command()
def stream() -> None:
    """Serve event streams only: the reading of runs by many viewers."""
    run_loop(serve.role(settings(), "stream"))


@app.command()
def worker() -> None:
    """Execute runs only, and return abandoned ones to the queue."""
    run_loop(serve.role(settings(), "worker"))


@app.command()
def sweeper() -> None:
    """Return abandoned runs to the queue only."""
    run_loop(serve.role(settings(), "sweeper"))


@app.command(hidden=True)
def child(
    listen_fd: Annotated[int, typer.Option()],
    alive_fd: Annotated[int, typer.Option()],
    ready_fd: Annotated[int, typer.Option()],
    metrics_fd: Annotated[int, typer.Option()],
    worker_id: Annotated[UUID, typer.Option()],
) -> None:
    """One of the processes of `helium up --processes`."""
    run_loop(
        serve.child(
            settings(),
            listen_fd=listen_fd,
            alive_fd=alive_fd,
            ready_fd=ready_fd,
            metrics_fd=metrics_fd,
            worker_id=worker_id,
        )
    )


@app.command()
def run(
    question: Annotated[str, typer.Argument(help="What to ask the agent.")],
    agent: Annotated[str, typer.Option(help="The agent's name, or provider:model.")] = "default",
    thread: Annotated[str | None, typer.Option(help="Go on in this thread.")] = None,
) -> None:
    """Ask an agent; the answer streams to the terminal. `helium tail` resumes it."""
    run_loop(questions.ask(settings(), question, agent=agent, thread=thread))


@app.command()
def tail(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="run_…")],
) -> None:
    """Show a run from its beginning and follow it to its end."""
    run_loop(questions.tail(settings(), run_id))


@app.command()
def runs(
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    status: Annotated[str | None, typer.Option(help="Only runs in this state.")] = None,
) -> None:
    """List the latest runs."""
    run_loop(questions.list_runs(settings(), limit=limit, status=status))


@app.command()
def token() -> None:
    """Print the owner's token."""
    run_loop(serve.print_token(settings()))


@app.command()
def migrate(
    phase: Annotated[
        database.Phase | None,
        typer.Option(help="How far; by itself all but `enforce`, and on a laptop everything."),
    ] = None,
) -> None:
    """Bring the database's schema to this version, while it is in use."""
    run_loop(database.migrate_now(settings(), phase))


@app.command("backup")
def backup_command(
    to: Annotated[str | None, typer.Option(envvar="HELIUM_BACKUP_URL", help=PLACE)] = None,
    name: Annotated[str | None, typer.Option(help="Its name; else the time.")] = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Delete all but the newest so many.")] = None,
) -> None:
    """Save the database and all files: one snapshot, compressed and encrypted."""
    from helium.cli import backup  # only these commands pay for what they need

    run_loop(backup.back_up(settings(), to=to, name=name, keep=keep))


@app.command("restore")
def restore_command(source: Kept = None, name: BackupName = "latest") -> None:
    """Bring a backup into an empty database, and the files that are missing."""
    from helium.cli import backup

    raise typer.Exit(run_loop(backup.restore_from(settings(), source=source, name=name)))


@drills.command("restore")
def drill_restore(
    source: Kept = None,
    name: BackupName = "latest",
    embedded: Annotated[bool, typer.Option(help="On a server of its own.")] = False,
) -> None:
    """Restore a backup into a database that is dropped again; exit code 0 if it is good."""
    from helium.cli import backup

    raise typer.Exit(run_loop(backup.drill_from(settings(), source=source, name=name, embedded=embedded)))


@app.command("status")
def status_command(
    once: Annotated[bool, typer.Option(help="One look, then end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, one line for each look.")] = False,
    watch: Annotated[float | None, typer.Option(min=0.5, help="Seconds between two looks.")] = None,
) -> None:
    """Show workers, queue, runs and database, live; one look ends with 1 if something is wrong."""
    from helium.cli import status  # only this command pays for what it looks at

    looks = status.status(settings(), once=once, as_json=as_json, every_seconds=watch)
    raise typer.Exit(run_loop(looks))


@app.command("debug")
def debug_command(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="run_…, resp_… or a UUID.")],
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Every event of the log.")] = False,
    content: Annotated[
        bool, typer.Option("--content", help="Also what people and models said: not for sharing.")
    ] = False,
) -> None:
    """Say everything that is known about one run, from the database alone."""
    from helium.cli import debug  # only this command pays for what it looks at

    report = debug.debug(settings(), run_id, as_json=as_json, every_event=events, content=content)
    run_loop(report)


@app.command("doctor")
def doctor_command() -> None:
    """Say what is set, what is missing, what answers, and what to do."""
    from helium.cli import doctor  # only this command pays for what it looks at

    raise typer.Exit(run_loop(doctor.check(settings())))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def run_loop(work: Coroutine[None, None, T]) -> T:
    """Run on uvloop: it costs about a third less CPU per streamed run than asyncio's own loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def settings() -> Settings:
    return load_settings()


def main() -> None:
    """Run a command; an error that a person can cause is one sentence on stderr, and exit code 1."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except (Failure, SettingsInvalid, EmbeddedPostgresFailed) as error:
        errors.print(f"[bold red]Error:[/] {error}", markup=True)
        sys.exit(1)
    except HeliumError as error:
        errors.print(f"[bold red]Error:[/] {error.message}")
        sys.exit(1)
    except CONNECTION_ERRORS as error:
        errors.print(
            f"[bold red]Error:[/] the database does not answer ({type(error).__name__})."
            " Check HELIUM_DATABASE_URL; `helium doctor` says more."
        )
        sys.exit(1)
    finally:
        flush_logs()
