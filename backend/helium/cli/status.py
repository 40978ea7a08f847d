"""`helium status`: what an operator must know at a glance, live, once, or as JSON for scripts."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field

import aiohttp
import asyncpg
import msgspec
from rich.console import Console
from rich.live import Live

from helium.adapters.embedded_postgres import EmbeddedPostgresFailed
from helium.bootstrap.services import redis_url
from helium.cli.database import open_url
from helium.cli.failure import Failure
from helium.cli.status_view import Outside, Status, age, runs_are, view
from helium.core.errors import HeliumError
from helium.db.database import CONNECTION_ERRORS
from helium.db.migrate import head
from helium.db.overview import Overview, look, read_overview, revision
from helium.kit.clock import Clock, SystemClock
from helium.kit.times import moment
from helium.settings import Settings

console = Console(highlight=False)
MOST_SECONDS = 15.0
# What is no more than a busy moment below these is a fault above them.
LONG_WAIT_SECONDS = 60.0
LONG_TRANSACTION_SECONDS = 300.0
FULL = 0.9
ENOUGH_RUNS, MOST_FAILED = 10, 0.5


@dataclass(slots=True)
class Watch:
    """Looks at one database; what it saw last time makes rates of counters."""

    settings: Settings
    clock: Clock
    url: str | None
    schema_needed: str
    unreached: str = ""
    counted: tuple[float, int] | None = field(default=None)

    async def look(self) -> Status:
        """One look, which takes 15 seconds at most. What is away is a problem, never an exception."""
        redis, address = await asyncio.gather(_redis(self.settings, self.clock), _address(self.settings))
        problems = [self.unreached] if self.unreached else []
        schema, milliseconds, overview = None, None, None
        if self.url is not None:
            try:
                async with asyncio.timeout(MOST_SECONDS):
                    milliseconds, schema, overview = await self._database(self.url)
                problems += _schema_problem(schema, self.schema_needed)
            except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                problems.append(
                    f"The database does not answer ({type(error).__name__}). Check HELIUM_DATABASE_URL;"
                    " `helium doctor` says more."
                )
        if overview is not None:
            problems += problems_of(overview, self.settings.worker.lease_ttl_seconds)
        problems += [f"{outside.found}" for outside in (redis, address) if outside and outside.ok is False]
        return Status(
            at=moment(self.clock.time()).isoformat(timespec="seconds"),
            healthy=not problems,
            problems=problems,
            round_trip_ms=milliseconds,
            schema=schema,
            schema_needed=self.schema_needed,
            redis=redis,
            address=address,
            events_per_second=self._rate(overview) if overview else None,
            database=overview,
        )

    async def _database(self, url: str) -> tuple[float, str | None, Overview | None]:
        async with look(url) as connection:
            began = self.clock.monotonic()
            await connection.fetchval("select 1")
            milliseconds = (self.clock.monotonic() - began) * 1000
            schema = await revision(connection)
            readable = schema is not None and schema >= self.schema_needed
            return milliseconds, schema, await read_overview(connection) if readable else None

    def _rate(self, overview: Overview) -> float | None:
        now, written = self.clock.monotonic(), overview.server["events_written"] or 0
        before, self.counted = self.counted, (now, written)
        if before is None or now <= before[0]:
            return None
        return max(0.0, (written - before[1]) / (now - before[0]))


async def status(settings: Settings, *, once: bool, as_json: bool, every_seconds: float | None) -> int:
    """Show the state until Ctrl-C, or once (also where nobody watches); 1 if something is wrong."""
    clock = SystemClock()
    # JSON is for scripts, which say it when they want more than one look.
    lasting = not once and (every_seconds is not None if as_json else console.is_terminal)
    live = Live(console=console, auto_refresh=False, screen=True) if lasting and not as_json else None
    async with _watch(settings, clock) as watch:
        with live or nullcontext():
            while True:
                seen = await watch.look()
                if as_json:
                    sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
                    sys.stdout.flush()
                elif live is not None:
                    live.update(view(seen, every_seconds or 2.0), refresh=True)
                else:
                    console.print(view(seen))
                if not lasting:
                    return int(not seen.healthy)
                await clock.sleep(every_seconds or 2.0)


@asynccontextmanager
async def _watch(settings: Settings, clock: Clock) -> AsyncGenerator[Watch]:
    needed = await asyncio.to_thread(head)
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(open_url(settings))
        except (EmbeddedPostgresFailed, Failure, HeliumError) as error:
            yield Watch(settings, clock, None, needed, unreached=str(error))
            return
        yield Watch(settings, clock, url, needed)


async def _redis(settings: Settings, clock: Clock) -> Outside | None:
    if settings.redis_url is None:
        return None
    from helium.adapters.redis.connection import open_redis  # who has no Redis does not pay for it
    from helium.adapters.redis.probe import probe

    needed = settings.queue.kind == "dramatiq"
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
        return Outside(ok=False, found=f"Redis cannot be opened: {error}")
    if wrong := [f"{what}: {sentence}" for what, ok, sentence in found if ok is False]:
        return Outside(ok=False if needed else None, found=" ".join(wrong))
    told = [sentence for what, _, sentence in found if what in ("Redis", "Redis memory")]
    return Outside(ok=True, found=", ".join(told))


async def _address(settings: Settings) -> Outside:
    address = f"{settings.host}:{settings.port}"
    try:
        timeout = aiohttp.ClientTimeout(total=2.5)
        ready = f"http://{address}/api/ready"
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(ready) as answer:
            if answer.status == 200:
                return Outside(ok=True, found=f"{address} is ready")
            said = f"{address} answers {answer.status} to /api/ready"
    except (aiohttp.ClientError, TimeoutError):
        return Outside(ok=None, found=f"nothing answers at {address}")
    return Outside(ok=False, found=f"{said}: it drains, or its database is away; see its log.")


def _schema_problem(schema: str | None, needed: str) -> list[str]:
    if schema is None:
        return ["The database has no schema yet: `helium migrate` makes it, `helium up` does so itself."]
    if schema < needed:
        return [f"The schema is {schema} and this version needs {needed}: run `helium migrate`."]
    return []


def problems_of(seen: Overview, lease_ttl_seconds: float) -> list[str]:
    """What is wrong, one sentence each that says what to do; the worst first."""
    return [
        sentence
        for found in (_abandoned(seen, lease_ttl_seconds), _unserved(seen), _failing(seen), _server(seen))
        for sentence in found
    ]


def _abandoned(seen: Overview, lease_ttl_seconds: float) -> Iterator[str]:
    running = seen.running
    if running["abandoned"] and running["abandoned_seconds"] > 2 * lease_ttl_seconds:
        yield (
            f"{runs_are(running['abandoned'])} in progress without a living worker, the longest for"
            f" {age(running['abandoned_seconds'])}: nobody takes them back. Start `helium worker` or"
            f" `helium sweeper`; `helium debug {running['abandoned_run']}` says more."
        )


def _unserved(seen: Overview) -> Iterator[str]:
    due, waited = seen.queue["due"], seen.queue["oldest_seconds"]
    if due and not seen.alive:
        yield f"{runs_are(due)} due and no worker is alive: start `helium worker` (or `helium up`)."
    elif due and waited > LONG_WAIT_SECONDS:
        yield (
            f"{runs_are(due)} due, the oldest for {age(waited)}, although {seen.alive} workers live: start"
            " more workers, or raise HELIUM_WORKER__SLOTS or the limits on running runs."
        )


def _failing(seen: Overview) -> Iterator[str]:
    ended: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for row in seen.recent:
        ended[row["status"]] += row["ended_5_minutes"]
        if row["status"] == "failed":
            codes[row["code"]] += row["ended_5_minutes"]
    if ended.total() >= ENOUGH_RUNS and ended["failed"] > MOST_FAILED * ended.total():
        code = codes.most_common(1)[0][0]
        yield (
            f"{ended['failed']} of the {ended.total()} runs that ended in 5 minutes failed, most of them"
            f" with {code}: see docs/reference/errors/{code}.md."
        )


def _server(seen: Overview) -> Iterator[str]:
    server = seen.server
    if server["read_only"]:
        yield "The database is a read-only replica: point HELIUM_DATABASE_URL at the primary."
    if server["connections"] > FULL * server["max_connections"]:
        yield (
            f"{server['connections']} of {server['max_connections']} connections to the database are used:"
            " lower HELIUM_DATABASE__POOL_SIZE, raise its max_connections, or use a pooler."
        )
    if (server["oldest_transaction_seconds"] or 0) > LONG_TRANSACTION_SECONDS:
        yield (
            f"A transaction has been open for {age(server['oldest_transaction_seconds'])} and keeps old"
            " rows from being removed: find it in pg_stat_activity and end it."
        )
