"""`helium doctor`: what is set, what is missing, what answers, and what to do."""

import os
import platform
import socket
from dataclasses import dataclass
from typing import Literal

import asyncpg
from rich.console import Console
from rich.table import Table

from helium.adapters.embedded_postgres import EmbeddedPostgresFailed
from helium.adapters.providers.catalog import ProviderCatalog
from helium.adapters.secrets import describe
from helium.adapters.secrets.describe import READ
from helium.bootstrap import PAGE_FOLDER
from helium.bootstrap.secrets import SECRET_VARIABLES, open_secret_store
from helium.bootstrap.services import redis_url
from helium.cli.database import open_url
from helium.cli.failure import Failure
from helium.cli.questions import answers
from helium.core.errors import HeliumError
from helium.db.checker import check_invariants
from helium.db.database import CONNECTION_ERRORS, connect_arguments
from helium.db.migrate import current
from helium.db.revisions import Migrations
from helium.kit.clock import SystemClock
from helium.settings import Settings

console = Console(highlight=False)
State = Literal["good", "note", "bad"]
MARKS = {"good": "[green]✓[/]", "note": "[yellow]•[/]", "bad": "[red]✗[/]"}
OLDEST_POSTGRES = 15


@dataclass(frozen=True, slots=True)
class Finding:
    state: State
    what: str
    found: str
    advice: str = ""


async def check(settings: Settings) -> int:
    """Print the findings; 1 if something keeps Helium from working, else 0."""
    findings = [
        _python(),
        _home(settings),
        await _port(settings),
        _page(),
        *_models(),
        *await _secrets(settings),
        *await _database(settings),
        *await _redis(settings),
        _queue(settings),
        _blobs(settings),
    ]
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        table.add_row(MARKS[finding.state], finding.what, finding.found, finding.advice)
    console.print(table)
    return int(any(finding.state == "bad" for finding in findings))


def _python() -> Finding:
    return Finding("good", "Python", platform.python_version())


def _home(settings: Settings) -> Finding:
    home = settings.home
    probe = home if home.exists() else home.parent
    if os.access(probe, os.W_OK):
        return Finding("good", "Data directory", str(home))
    return Finding("bad", "Data directory", str(home), "It cannot be written: set HELIUM_HOME.")


async def _port(settings: Settings) -> Finding:
    address = f"{settings.host}:{settings.port}"
    if await answers(f"http://{address}"):
        return Finding("good", "Address", f"{address}, Helium answers there")
    with socket.socket() as probe:
        if probe.connect_ex((settings.host, settings.port)) == 0:
            return Finding("bad", "Address", address, "Something else listens: set HELIUM_PORT.")
    return Finding("note", "Address", f"{address}, nothing listens", "`helium up` starts Helium.")


def _page() -> Finding:
    if (PAGE_FOLDER / "index.html").exists():
        return Finding("good", "Page", "built")
    return Finding("note", "Page", "not built", "`make page` builds it; the API works without.")


def _models() -> list[Finding]:
    catalog = ProviderCatalog(os.environ, SystemClock())
    names = list(catalog.names())
    if names:
        return [Finding("good", "Models", ", ".join(names))]
    advice = "Set e.g. OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST for a real model."
    return [Finding("note", "Models", "only the offline demonstration", advice)]


async def _secrets(settings: Settings) -> list[Finding]:
    """Where each secret comes from, and whether it can be read; never its value."""
    async with open_secret_store(settings, SystemClock()) as secrets:
        rows = await describe(secrets, SECRET_VARIABLES)
    return [
        Finding(
            "good" if row.state == READ else "note" if row.good else "bad",
            row.variable,
            f"{row.source} {row.version}".replace(" -", ""),
            "" if row.state == READ else row.state,
        )
        for row in rows
    ]


async def _redis(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        return [Finding("note", "Redis", "none", "Processes find each other's work by looking.")]
    from helium.adapters.redis.connection import open_redis  # who has no Redis does not pay for it
    from helium.adapters.redis.probe import probe

    needed = settings.queue.kind == "dramatiq"
    marks: dict[bool | None, State] = {True: "good", None: "note", False: "bad" if needed else "note"}
    clock = SystemClock()
    try:
        async with open_redis(
            await redis_url(settings, clock),
            prefix=settings.redis.prefix,
            timeout_seconds=settings.redis.timeout_seconds,
            ca_file=settings.redis.ca_file,
            clock=clock,
        ) as redis:
            found = await probe(redis, clock, queue_on_redis=needed)
    except (ValueError, OSError, HeliumError) as error:
        return [Finding("bad", "Redis", "cannot be opened", str(error))]
    return [Finding(marks[ok], what, sentence) for what, ok, sentence in found]


def _queue(settings: Settings) -> Finding:
    queue = settings.queue
    if queue.kind == "local":
        return Finding("good", "Queue", "none: workers look into the database")
    return Finding("good", "Queue", f"{queue.kind}, {queue.name}")


def _blobs(settings: Settings) -> Finding:
    if settings.blobs.url:
        return Finding("good", "Files", settings.blobs.url)
    return Finding("note", "Files", str(settings.home), "Only processes of this machine share them.")


async def _database(settings: Settings) -> list[Finding]:
    kind = "embedded" if settings.database_url is None else "HELIUM_DATABASE_URL"
    try:
        async with open_url(settings) as url:
            connection = await asyncpg.connect(url, **connect_arguments(pooler=True))
            try:
                return await _reached(connection, url, kind)
            finally:
                await connection.close()
    except (EmbeddedPostgresFailed, Failure, HeliumError) as error:
        return [Finding("bad", "Database", kind, str(error))]
    except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
        return [Finding("bad", "Database", kind, f"It does not answer: {type(error).__name__}.")]


async def _reached(connection: asyncpg.Connection, url: str, kind: str) -> list[Finding]:
    version = connection.get_server_version()
    too_old = version.major < OLDEST_POSTGRES
    findings = [
        Finding(
            "bad" if too_old else "good",
            "Database",
            f"{kind}, PostgreSQL {version.major}.{version.minor}",
            f"PostgreSQL {OLDEST_POSTGRES} or newer is needed." if too_old else "",
        )
    ]
    revision, needed = await current(url), Migrations().required
    if revision is None or revision < needed:
        advice = "`helium migrate` brings it there; `helium up` does it by itself."
        findings.append(Finding("note", "Schema", f"{revision}, needed is {needed}", advice))
        return findings
    findings.append(Finding("good", "Schema", revision))
    broken = await check_invariants(connection)
    if broken:
        findings.append(Finding("bad", "Stored runs", broken[0], f"{len(broken)} violations"))
    else:
        findings.append(Finding("good", "Stored runs", "consistent"))
    return findings
