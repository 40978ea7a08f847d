"""`helium db …` and `helium migrate`; and the database that every command works on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console

from helium.adapters.embedded_postgres import EmbeddedPostgres
from helium.bootstrap.secrets import resolved
from helium.cli.failure import Failure
from helium.db.migrate import current, head, migrate
from helium.kit.clock import SystemClock
from helium.settings import Settings, load_settings

app = typer.Typer(help="The embedded database.", no_args_is_help=True)
console = Console(highlight=False)


@asynccontextmanager
async def open_url(settings: Settings) -> AsyncGenerator[str]:
    """The URL of the database: the one that is set, or the embedded one, running."""
    if settings.database_url is not None:
        given = settings.database_url.get_secret_value()
        url = await resolved(settings, SystemClock(), "HELIUM_DATABASE_URL", given)
        if not url.startswith(("postgresql://", "postgres://")):
            raise Failure("HELIUM_DATABASE_URL refers to a secret that is not a postgresql:// URL.")
        yield url
        return
    embedded = EmbeddedPostgres(settings.home)
    url = await asyncio.to_thread(embedded.start)
    try:
        yield url
    finally:
        await asyncio.to_thread(embedded.stop_if_unused)


async def migrated(settings: Settings, url: str) -> None:
    """Migrate on a laptop; in production only check that the schema is this version's, or newer.

    Several versions run at once during a rollout, and migrations are made so that the version before
    works on the schema after: an old process that starts again must find its way.
    """
    if settings.environment == "development":
        await migrate(url)
        return
    found = await current(url)
    if found is None or found < head():
        raise Failure(
            f"The database's schema is {found or 'empty'}, this version needs {head()}:"
            " run `helium migrate` first."
        )


async def migrate_now(settings: Settings) -> None:
    async with open_url(settings) as url:
        with console.status("Migrating the database …"):
            changed = await migrate(url)
        state = "is now at" if changed else "was already at"
        console.print(f"The schema {state} revision {head()}.")


def _embedded() -> EmbeddedPostgres:
    settings = load_settings()
    if settings.database_url is not None:
        raise Failure("HELIUM_DATABASE_URL is set, so there is no embedded database to manage.")
    return EmbeddedPostgres(settings.home)


@app.command()
def path() -> None:
    """Print where the embedded database keeps its data."""
    typer.echo(_embedded().path)


@app.command()
def stop(
    force: Annotated[bool, typer.Option(help="Also while something uses it.")] = False,
) -> None:
    """Stop the embedded database server."""
    if not _embedded().stop(force=force):
        raise Failure("Something still uses the database: stop it first, or add --force.")
    console.print("The database is stopped.")


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option(help="Also while something uses it.")] = False,
) -> None:
    """Delete the embedded database with everything in it."""
    embedded = _embedded()
    if not yes:
        typer.confirm(f"Delete all threads and runs in {embedded.path}?", abort=True)
    embedded.reset(force=force)
    console.print("The database is empty. The next `helium up` makes a new one.")
