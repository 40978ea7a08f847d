"""One look at an installation, and how a person sees it in a terminal of 80 columns."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from helium import __version__
from helium.db.overview import NEWEST_RUNS, Overview

WORKERS_IN_VIEW = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Something beside the database that was asked for a sign of life. `ok` None: it need not be there."""

    ok: bool | None
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look. Times are in seconds; `database` is None where it could not be read."""

    at: str
    healthy: bool
    problems: list[str]
    round_trip_ms: float | None
    schema: str | None
    schema_needed: str
    redis: Outside | None
    address: Outside
    events_per_second: float | None
    """Since the look before; None at the first."""
    database: Overview | None


def view(seen: Status, every_seconds: float | None = None) -> RenderableType:
    """A look for a person, for 80 columns: what is wrong comes first."""
    how = f", every {every_seconds:g} s, Ctrl-C ends" if every_seconds else ""
    title = Text.from_markup(
        f"[bold]Helium {__version__}[/]  [dim]{seen.at[:19].replace('T', ' ')} UTC{how}[/]"
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(seen):
        table.add_row(name, Text.from_markup(value))
    return Group(title, _verdict(seen), Text(), table)


def _verdict(seen: Status) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for problem in seen.problems:
        table.add_row("[red]✗[/]", f"[red]{escape(problem)}[/]")
    if seen.healthy:
        table.add_row("[green]✓[/]", "Healthy.")
    return table


def _rows(seen: Status) -> Iterator[tuple[str, str]]:
    if seen.round_trip_ms is None:
        yield "Database", "[red]away[/]"
    else:
        yield "Database", f"answers in {seen.round_trip_ms:.1f} ms, schema {seen.schema or 'none'}"
    database = seen.database
    yield from _server_rows(database) if database else ()
    yield "Address", escape(seen.address.found)
    if seen.redis is not None:
        yield "Redis", escape(seen.redis.found)
    if database is not None:
        yield from _worker_rows(database)
        yield from _queue_rows(database)
        yield from _run_rows(database)
        yield from _ended_rows(database)
        yield from _rate_rows(database, seen.events_per_second)


def _server_rows(database: Overview) -> Iterator[tuple[str, str]]:
    server = database.server
    oldest = server["oldest_transaction_seconds"]
    transaction = f", oldest transaction {age(oldest)}" if oldest else ""
    yield (
        "",
        f"PostgreSQL {server['version'].split()[0]}, {size(server['size_bytes'])},"
        f" {server['connections']} of {server['max_connections']} connections{transaction}",
    )
    yield "Tables", ", ".join(f"{row['name']} {size(row['size_bytes'])}" for row in database.tables)


def _worker_rows(database: Overview) -> Iterator[tuple[str, str]]:
    gone = sum(1 for row in database.workers if row["lease_seconds"] <= 0)
    yield "Workers", f"{database.alive} alive" + (f", [red]{gone} gone with runs[/]" if gone else "")
    for row in database.workers[:WORKERS_IN_VIEW]:
        name = f" {escape(row['name'])}" if row["name"] else ""
        left = row["lease_seconds"]
        lease = f"lease {left:.1f} s" if left > 0 else f"[red]gone for {age(-left)}[/]"
        yield (
            "",
            f"[dim]{row['id']}[/]{name} {_runs_held(row['runs'])}, {lease}, up {age(row['age_seconds'])}",
        )
    if (more := max(len(database.workers), database.alive) - WORKERS_IN_VIEW) > 0:
        yield "", f"[dim]and {more} more[/]"


def _queue_rows(database: Overview) -> Iterator[tuple[str, str]]:
    queue = database.queue
    oldest = f" (oldest {age(queue['oldest_seconds'])})" if queue["due"] else ""
    yield "Queue", f"{queue['due']} due{oldest}, {queue['later']} later, {queue['held']} held"
    if len(database.busiest) > 1:
        for row in database.busiest:
            counts = f"{row['due']} due, {row['later']} later, {row['held']} held"
            yield "", f"[dim]{row['workspace_id']}[/] {escape(row['name'][:12])}: {counts}"


def _run_rows(database: Overview) -> Iterator[tuple[str, str]]:
    running, waiting = database.running, database.waiting
    oldest = f" (oldest {age(running['oldest_seconds'])})" if running["runs"] else ""
    abandoned = f"{running['abandoned']} abandoned"
    if running["abandoned"]:
        abandoned = f"[red]{abandoned} (for {age(running['abandoned_seconds'])})[/]"
    yield "Running", f"{running['runs']}{oldest}, {abandoned}, {running['cancelling']} being cancelled"
    people = f"{waiting['runs']} wait for a person"
    if waiting["runs"]:
        people += f", the oldest for {age(waiting['oldest_seconds'])}: [dim]{waiting['oldest_run']}[/]"
    yield "People", people


def _ended_rows(database: Overview) -> Iterator[tuple[str, str]]:
    for label, column in (("5 minutes", "ended_5_minutes"), ("1 hour", "ended_1_hour")):
        ended = [
            f"{row[column]} {row['status']}" + (f" ({escape(row['code'])})" if row["code"] else "")
            for row in sorted(database.recent, key=lambda row: -row[column])
            if row[column]
        ]
        yield ("Ended" if label == "5 minutes" else ""), f"in {label}: {', '.join(ended) or 'none'}"


def _rate_rows(database: Overview, events_per_second: float | None) -> Iterator[tuple[str, str]]:
    come, end = (
        sum(row[column] for row in database.recent) / 5
        for column in ("accepted_5_minutes", "ended_5_minutes")
    )
    events = "" if events_per_second is None else f", {events_per_second:.0f} events/s"
    yield "Rates", f"{come:.1f} runs/min come, {end:.1f} end{events}"
    takeovers = f"{database.takeovers} in 1 hour"
    yield "Takeovers", f"[yellow]{takeovers}[/]" if database.takeovers else takeovers
    if sum(row["seen"] for row in database.recent) >= NEWEST_RUNS:
        reach = max(row["reach_seconds"] for row in database.recent)
        yield "", f"[yellow]at least: only the newest {NEWEST_RUNS} runs are counted ({age(reach)})[/]"
    for row in database.times:
        label = "Times" if row is database.times[0] else ""
        what = row["what"].replace("_", " ")
        half, most = age(row["p50_seconds"]), age(row["p95_seconds"])
        yield label, f"{what}: p50 {half}, p95 {most} [dim](last {row['seen']})[/]"


def runs_are(count: int) -> str:
    return f"{count} run is" if count == 1 else f"{count} runs are"


def _runs_held(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"


def age(seconds: float | None) -> str:
    """A span for a person: `40 ms`, `3.2 s`, `4.0 min`, `25 h`, `12 d`."""
    if seconds is None:
        return "none"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for limit, unit, by in ((120.0, "s", 1.0), (7200.0, "min", 60.0), (172_800.0, "h", 3600.0)):
        if seconds < limit:
            return f"{seconds / by:.1f} {unit}" if seconds / by < 10 else f"{seconds / by:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def size(count: int | None) -> str:
    """Bytes for a person."""
    value = float(count or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
