"""`helium db …` and `helium migrate`; and the database that every command works on."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console

from helium.adapters.embedded_postgres import EmbeddedPostgres
from helium.bootstrap.secrets import resolved
from helium.cli.failure import Failure
from helium.db.migrate import current, migrate
from helium.db.online import MigrationFailed
from helium.db.phases import Phase
from helium.db.revisions import Migrations
from helium.kit.clock import SystemClock
from helium.settings import Settings, load_settings

app = typer.Typer(help="The embedded database.", no_args_is_help=True)
console = Console(highlight=False)
ADVICE: Mapping[Phase, str] = {
    "expand": "Run `helium migrate` before processes of this version start.",
    "backfill": "Run `helium migrate` before processes of this version start.",
    "enforce": "Run `helium migrate --phase enforce` when every process is of this version.",
}


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
    works on the schema after: an old process that starts again must find its way. What is enforced when no
    old process is left is not waited for.
    """
    if settings.environment == "development":
        await _migrate(url, "enforce")
        return
    found, required = await current(url), Migrations().required
    if found is None or found < required:
        raise Failure(
            f"The database's schema is {found or 'empty'}, this version needs {required}:"
            " run `helium migrate` first."
        )


async def migrate_now(settings: Settings, phase: Phase | None = None) -> None:
    """Migrate up to and with `phase`; None: to `backfill`, before a rollout, and on a laptop to the end."""
    upto: Phase = phase or ("enforce" if settings.environment == "development" else "backfill")
    async with open_url(settings) as url:
        changed = await _migrate(url, upto)
        found = await current(url)
    console.print(f"The schema {'is now' if changed else 'was already'} at revision {found}.")
    if left := Migrations().waiting(found):
        numbers = ", ".join(f"{each.number} ({each.phase})" for each in left)
        console.print(f"Still to come: {numbers}. {ADVICE[left[0].phase]}")


async def _migrate(url: str, phase: Phase) -> bool:
    try:
        with console.status("Migrating the database …") as status:

            def tell(said: str) -> None:
                status.update(said)
                if ": done in" in said:
                    console.print(said)

            return await migrate(url, phase, tell=tell)
    except MigrationFailed as failed:
        raise Failure(str(failed)) from failed


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
