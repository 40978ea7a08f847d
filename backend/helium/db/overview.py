"""What `helium status` and `helium debug` ask: read only, in bounded time, one snapshot for each look.

No statement reads a whole table, however large it is: what is running and waiting has its indexes, and
of what was before only the newest runs are looked at. Their ids begin with the time of their making.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from helium.db.checker import INVARIANTS, SHOWN, TYPE
from helium.db.database import connect_arguments

TIMEOUT_SECONDS = 5.0
KEY_TIMEOUT_SECONDS = 0.5
NEWEST_RUNS = 5000
SAMPLED_RUNS = 200
SAMPLED_EVENTS = 500
TIMELINE_EVENTS = 2000
WORKERS_SHOWN = 200


def _run_id(column: str) -> str:
    return f"'run_' || replace({column}::text, '-', '')"


def _seconds(interval: str) -> str:
    return f"extract(epoch from {interval})::float8"


def _since_1970(*columns: str) -> str:
    return ", ".join(f"{_seconds(f'r.{column}')} as {column}" for column in columns)


REVISION = "select version_num from alembic_version"
HAS_REVISION = "select to_regclass('alembic_version') is not null"

SERVER = f"""
select current_setting('server_version') as version, pg_is_in_recovery() as read_only,
    pg_database_size(current_database()) as size_bytes,
    (select sum(numbackends)::int from pg_stat_database) as connections,
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int as max_connections,
    (select max({_seconds("clock_timestamp() - xact_start")}) from pg_stat_activity
        where pid <> pg_backend_pid() and backend_type = 'client backend') as oldest_transaction_seconds,
    (select n_tup_ins from pg_stat_user_tables where relid = 'event'::regclass) as events_written
"""

TABLES = """
select c.relname as name, pg_total_relation_size(c.oid) as size_bytes,
    greatest(c.reltuples, 0)::bigint as about_rows
from pg_class c where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
order by 2 desc, 1 limit 6
"""

WORKERS = f"""
select w.id::text as id, w.name, {_seconds("w.lease_expires_at - clock_timestamp()")} as lease_seconds,
    {_seconds("clock_timestamp() - w.started_at")} as age_seconds, coalesce(h.runs, 0) as runs
from worker w left join (
    select worker_id, count(*) as runs from run where status = 'in_progress' group by worker_id
) h on h.worker_id = w.id
where w.lease_expires_at > clock_timestamp() or h.runs > 0
order by w.lease_expires_at > clock_timestamp(), w.started_at, w.id limit {WORKERS_SHOWN}
"""

ALIVE = "select count(*) from worker where lease_expires_at > clock_timestamp()"

_COUNTS = f"""
    count(*) filter (where not held and due_at <= now()) as due,
    count(*) filter (where not held and due_at > now()) as later,
    count(*) filter (where held) as held,
    max({_seconds("now() - due_at")}) filter (where not held and due_at <= now()) as oldest_seconds
"""

QUEUE = f"select {_COUNTS} from run where status = 'queued'"

BUSIEST = f"""
select w.id::text as workspace_id, w.name, q.due, q.later, q.held, q.oldest_seconds from (
    select workspace_id, {_COUNTS} from run where status = 'queued'
    group by workspace_id order by count(*) desc, workspace_id limit 5
) q join workspace w on w.id = q.workspace_id order by q.due + q.later + q.held desc, w.id
"""

# A run whose worker has no row at all has been alone at most since it was started.
RUNNING = f"""
select count(*) as runs, max(age) as oldest_seconds,
    {_run_id("(array_agg(id order by age desc))[1]")} as oldest_run,
    count(*) filter (where cancelled) as cancelling,
    count(*) filter (where alone > 0) as abandoned,
    max(alone) filter (where alone > 0) as abandoned_seconds,
    {_run_id("(array_agg(id order by alone desc) filter (where alone > 0))[1]")} as abandoned_run
from (
    select r.id, r.cancel_requested_at is not null as cancelled,
        {_seconds("clock_timestamp() - r.started_at")} as age,
        {_seconds("clock_timestamp() - coalesce(w.lease_expires_at, r.started_at)")} as alone
    from run r left join worker w on w.id = r.worker_id where r.status = 'in_progress'
) x
"""

WAITING = f"""
select count(*) as runs, max({_seconds("now() - created_at")}) as oldest_seconds,
    {_run_id("(array_agg(run_id order by created_at))[1]")} as oldest_run,
    count(*) filter (where kind = 'in_doubt') as in_doubt,
    max({_seconds("now() - created_at")}) filter (where kind = 'in_doubt') as in_doubt_seconds
from action where state = 'pending'
"""

# The smallest id that a clock could make a day ago: 48 bits of milliseconds, then zeros.
_NEWEST = f"""
newest as (
    select id, status, error_code, attempt, created_at, started_at, finished_at from run
    where id >= (lpad(to_hex(
        (extract(epoch from now() - interval '1 day') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
    order by id desc limit {NEWEST_RUNS}
),
sample as (
    select id, created_at, started_at from newest where started_at is not null
    order by id desc limit {SAMPLED_RUNS}
)
"""

RECENT = f"""
with {_NEWEST}
select status, coalesce(error_code, '') as code, count(*) as seen,
    max({_seconds("now() - created_at")}) as reach_seconds,
    count(*) filter (where created_at > now() - interval '5 minutes') as accepted_5_minutes,
    count(*) filter (where finished_at > now() - interval '5 minutes') as ended_5_minutes,
    count(*) filter (where finished_at > now() - interval '1 hour') as ended_1_hour
from newest group by 1, 2 order by 1, 2
"""

TAKEOVERS = f"""
with {_NEWEST}
select count(*) from (
    select id from newest where attempt > 1 or (attempt = 1 and status = 'queued')
    order by id desc limit {SAMPLED_RUNS}
) again cross join lateral (
    select payload, created_at from event where run_id = again.id
    order by seq desc limit {SAMPLED_EVENTS}
) e
where {TYPE} = 'run.requeued' and e.created_at > now() - interval '1 hour'
    and substring(e.payload::text from '"reason" ?: ?"([a-z_]+)"') = 'lease_expired'
"""

# Numbers out of the text, as everywhere: the JSON operators refuse an escaped NUL.
TIMES = f"""
with {_NEWEST},
times as (
    select 'queue' as what, {_seconds("started_at - created_at")} as seconds from sample
    union all
    select 'first_token', {_seconds("e.created_at - s.created_at")}
    from sample s cross join lateral (
        select e.created_at from (select * from event where run_id = s.id order by seq limit 20) e
        where {TYPE} = 'item.delta' order by e.seq limit 1
    ) e
    union all
    select substring(e.payload::text from '"kind" ?: ?"(model|tool)"') || '_step',
        coalesce(substring(e.payload::text from '"seconds" ?: ?([0-9.e+-]+)')::float8, 0)
    from sample s cross join lateral (
        select * from event where run_id = s.id order by seq desc limit {SAMPLED_EVENTS}
    ) e where {TYPE} = 'step.completed'
)
select what, count(*) as seen, percentile_cont(0.5) within group (order by seconds) as p50_seconds,
    percentile_cont(0.95) within group (order by seconds) as p95_seconds
from times group by what order by what
"""

RUN = f"""
select r.id, r.workspace_id, o.name as workspace, r.thread_id, r.previous_run_id, r.status, r.held, r.spec,
    octet_length(r.input::text) as input_bytes, r.next_seq, r.steps, r.tool_calls, r.epoch, r.worker_id,
    w.name as worker_name, r.engine_version, r.attempt, r.attempts_without_progress, r.input_tokens,
    r.cached_tokens, r.output_tokens, r.reasoning_tokens, r.cost_microusd, r.lost_tokens, r.error_code,
    r.error_message, {_since_1970("cancel_requested_at", "created_at", "started_at", "finished_at")},
    {_seconds("clock_timestamp()")} as now, {_seconds("r.due_at - clock_timestamp()")} as due_in_seconds,
    {_seconds("w.lease_expires_at - clock_timestamp()")} as lease_seconds
from run r join workspace o on o.id = r.workspace_id left join worker w on w.id = r.worker_id
where r.id = $1
"""

NEIGHBOURS = f"""
select id, status, held, {_since_1970("created_at")} from (
    (select * from run where thread_id = $2 and id < $1 order by id desc limit 3)
    union all (select * from run where thread_id = $2 and id > $1 order by id limit 3)
) r order by id
"""

ACTIVE = """
select id, status from run where thread_id = $1 and not held
    and status in ('queued', 'in_progress', 'requires_action')
"""

# The newest ones, in their order. Without `$2` no payload of an item leaves the database.
EVENTS = f"""
select * from (
    select e.seq, e.epoch, {TYPE} as type, {_seconds("e.created_at")} as created_at,
        octet_length(e.payload::text) as bytes,
        case when $2 or {TYPE} ~ '^(run|step)[.]' then e.payload end as payload
    from event e where e.run_id = $1 and ($3 or {TYPE} ~ '^(run|step)[.]')
    order by e.seq desc limit {TIMELINE_EVENTS}
) x order by seq
"""

LOG = f"""
select {TYPE} as type, count(*) as events, sum(octet_length(e.payload::text))::bigint as bytes
from event e where e.run_id = $1 group by 1 order by min(e.seq)
"""

GAPS = f"""
select last + 1 as first_missing, seq - 1 as last_missing from (
    select seq, lag(seq, 1, 0) over (order by seq) as last from event where run_id = $1
) x where seq > last + 1 order by seq limit {SHOWN}
"""

STEPS = f"""
select position, kind, name, octet_length(result::text) as bytes, epoch, {_since_1970("recorded_at")},
    case when $2 then result end as result
from step r where run_id = $1 order by position
"""

EFFECTS = f"""
select call_id, tool, encode(arguments_hash, 'hex') as arguments_hash, state, epoch,
    {_since_1970("created_at")}
from tool_effect r where run_id = $1 order by created_at, call_id
"""

ACTIONS = f"""
select id, call_id, kind, tool, state, decision, decided_by, epoch,
    {_since_1970("created_at", "decided_at")},
    octet_length(prompt) as prompt_bytes, octet_length(arguments) as arguments_bytes,
    octet_length(answer) as answer_bytes, case when $2 then prompt end as prompt,
    case when $2 then arguments end as arguments, case when $2 then answer end as answer
from action r where run_id = $1 order by epoch, id
"""

FILES = "select count(*) as files, coalesce(sum(size), 0)::bigint as bytes from file where run_id = $1"

INPUT = "select input from run where id = $1"

# Keys have no index by run: this walks through those of the workspace, as far as its time goes.
KEY = f"""
select encode(request_hash, 'hex') as request_hash, {_since_1970("created_at")}
from idempotency_key r where workspace_id = $1 and run_id = $2 limit 1
"""

# The checker's rules, whose tables are here no more than this run's rows of them. Such a `run` has no
# primary key on which its other columns would depend.
_ONLY_THIS = """
with run as (select * from run where id = $1),
thread as (select * from thread where id = (select thread_id from run)),
event as (select * from event where run_id = $1),
step as (select * from step where run_id = $1),
tool_effect as (select * from tool_effect where run_id = $1),
action as (select * from action where run_id = $1),
idempotency_key as (select * from idempotency_key limit 0)
"""
_GROUP = "group by r.id"
RULES = {
    rule: f"""{_ONLY_THIS} select what from (
        {query.replace(_GROUP, f"{_GROUP}, r.status, r.steps, r.next_seq")}
    ) as broken(id, what) limit {SHOWN}"""
    for rule, query in INVARIANTS.items()
}

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole installation at one moment. Every row has the names that its statement gives."""

    server: dict[str, Any]
    tables: Rows
    alive: int
    workers: Rows
    """The living, and the dead that still have runs; these first, 200 at most."""
    queue: dict[str, Any]
    busiest: Rows
    running: dict[str, Any]
    waiting: dict[str, Any]
    recent: Rows
    takeovers: int
    times: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Everything that is stored of one run. Without content: no prompt, argument, result, sentence."""

    run: dict[str, Any]
    neighbours: Rows
    active: dict[str, Any] | None
    events: Rows
    log: Rows
    gaps: Rows
    steps: Rows
    effects: Rows
    actions: Rows
    files: dict[str, Any]
    key: dict[str, Any] | None
    """The idempotency key's row, `{}` if it could not be found in time, None if there is none."""
    broken: Sequence[str]
    alive: int
    input: str | None


@asynccontextmanager
async def look(url: str, *, seconds: float = TIMEOUT_SECONDS) -> AsyncGenerator[asyncpg.Connection]:
    """A connection in a read-only transaction with one snapshot, of which no statement takes longer.

    Raises one of `CONNECTION_ERRORS` if the database is away or too slow.
    """
    arguments = connect_arguments(pooler=True, timeout_seconds=seconds + 1, connect_seconds=seconds)
    connection = await asyncpg.connect(url, **arguments)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"set local statement_timeout = {round(seconds * 1000)}")
            yield connection
    finally:
        await connection.close(timeout=2)


async def revision(connection: asyncpg.Connection) -> str | None:
    """The schema's revision; None if the database has no schema."""
    if not await connection.fetchval(HAS_REVISION):
        return None
    return await connection.fetchval(REVISION)


async def read_overview(connection: asyncpg.Connection) -> Overview:
    """The installation as this transaction sees it."""
    return Overview(
        server=await _one(connection, SERVER),
        tables=await _rows(connection, TABLES),
        alive=await _count(connection, ALIVE),
        workers=await _rows(connection, WORKERS),
        queue=await _one(connection, QUEUE),
        busiest=await _rows(connection, BUSIEST),
        running=await _one(connection, RUNNING),
        waiting=await _one(connection, WAITING),
        recent=await _rows(connection, RECENT),
        takeovers=await _count(connection, TAKEOVERS),
        times=await _rows(connection, TIMES),
    )


async def read_run(
    connection: asyncpg.Connection, run_id: UUID, *, content: bool, every_event: bool
) -> RunFacts | None:
    """The run as this transaction sees it, or None. With `content` also what people and models said."""
    found = await connection.fetchrow(RUN, run_id)
    if found is None:
        return None
    run, fetch = dict(found), connection.fetch
    active = await connection.fetchrow(ACTIVE, run["thread_id"])
    return RunFacts(
        run=run,
        neighbours=await _rows(connection, NEIGHBOURS, run_id, run["thread_id"]),
        active=dict(active) if active else None,
        events=await _rows(connection, EVENTS, run_id, content, every_event or content),
        log=await _rows(connection, LOG, run_id),
        gaps=await _rows(connection, GAPS, run_id),
        steps=await _rows(connection, STEPS, run_id, content),
        effects=await _rows(connection, EFFECTS, run_id),
        actions=await _rows(connection, ACTIONS, run_id, content),
        files=await _one(connection, FILES, run_id),
        broken=[
            f"{rule}: {row['what']}" for rule, sql in RULES.items() for row in await fetch(sql, run_id)
        ],
        alive=await _count(connection, ALIVE),
        input=await connection.fetchval(INPUT, run_id) if content else None,
        key=await _key(connection, run["workspace_id"], run_id),
    )


async def _key(connection: asyncpg.Connection, workspace_id: UUID, run_id: UUID) -> dict[str, Any] | None:
    try:
        async with connection.transaction():
            await connection.execute(f"set local statement_timeout = {round(KEY_TIMEOUT_SECONDS * 1000)}")
            row = await connection.fetchrow(KEY, workspace_id, run_id)
    except asyncpg.QueryCanceledError:
        return {}
    return dict(row) if row else None


async def _rows(connection: asyncpg.Connection, sql: str, *arguments: object) -> Rows:
    return [dict(row) for row in await connection.fetch(sql, *arguments)]


async def _one(connection: asyncpg.Connection, sql: str, *arguments: object) -> dict[str, Any]:
    row = await connection.fetchrow(sql, *arguments)
    assert row is not None
    return dict(row)


async def _count(connection: asyncpg.Connection, sql: str) -> int:
    return (await _one(connection, sql))["count"]
