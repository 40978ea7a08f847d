"""What `helium status` and `helium debug` ask reads little, takes little time and writes nothing."""

import re
from collections.abc import Iterator

import asyncpg
import pytest

from helium.db import overview
from tests.support.databases import database_like, statement

# Ids begin with the time; of 100 runs one is queued, one in progress, one held, one waits for a person.
RUNS = 30_000
FURNISH = f"""
insert into workspace (id, name) values (gen_random_uuid(), 'test');
insert into thread (id, workspace_id) select gen_random_uuid(), w.id
    from workspace w, generate_series(1, {RUNS});
insert into worker (id, lease_expires_at) select gen_random_uuid(), now() from generate_series(1, 10);
insert into run (id, workspace_id, thread_id, spec, input, status, held, owner_token, worker_id, started_at)
    select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - {RUNS} + n), 12, '0')
            || repeat('0', 20))::uuid,
        workspace_id, id, '{{}}', '[]',
        case n % 100 when 0 then 'queued' when 1 then 'in_progress' when 2 then 'queued'
            when 3 then 'requires_action' else 'completed' end,
        n % 100 = 2, case n % 100 when 1 then gen_random_uuid() end,
        case n % 100 when 1 then (select id from worker limit 1) end, now()
    from (select t.*, row_number() over () as n from thread t) t;
insert into event (run_id, seq, workspace_id, epoch, payload)
    select id, s, workspace_id, 1, '{{"type":"item.delta","item_id":"m","index":0,"text":"x"}}'
    from run, generate_series(1, 4) s;
insert into action (id, workspace_id, run_id, call_id, kind, epoch, subject_hash, prompt, state)
    select gen_random_uuid(), workspace_id, id, 'c', 'approval', 1, '', '',
        case status when 'requires_action' then 'pending' else 'decided' end from run;
insert into step (run_id, position, workspace_id, kind, name, result, epoch)
    select id, 0, workspace_id, 'model', 'model', '{{}}', 1 from run;
insert into tool_effect (run_id, call_id, workspace_id, tool, arguments_hash, state, epoch)
    select id, 'c', workspace_id, 'send', '', 'done', 1 from run;
insert into idempotency_key (workspace_id, key, request_hash, run_id)
    select gen_random_uuid(), 'k', '', gen_random_uuid() from run
"""
STATEMENTS = {
    name: sql
    for name, sql in vars(overview).items()
    if name.isupper() and name[0] != "_" and name != "TYPE" and isinstance(sql, str)
} | overview.RULES

# What their arguments are, where it is not a run's id first and then whether something is wanted.
COLUMNS = {"NEIGHBOURS": ["id", "thread_id"], "ACTIVE": ["thread_id"], "KEY": ["workspace_id", "id"]}


@pytest.fixture(scope="module")
def full_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    with database_like(postgres_url, migrated_template) as url:
        statement(url, FURNISH)
        statement(url, "analyze")
        yield url


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_statement_reads_a_whole_table(full_url: str, name: str, mode: str) -> None:
    sql = STATEMENTS[name]
    connection = await asyncpg.connect(full_url)
    row = await connection.fetchrow("select * from run order by id offset 1000 limit 1")
    assert row is not None
    await connection.execute(f"set plan_cache_mode = {mode}")
    await connection.execute(f"prepare asked as {sql}")
    columns = COLUMNS.get(name, ["id"])
    count = max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)
    values = [f"'{row[column]}'" for column in columns] + ["true"] * count
    given = f"({', '.join(values[:count])})" if count else ""

    explained = await connection.fetch(f"explain (analyze, timing off) execute asked{given}")

    await connection.close()
    plan = [str(line[0]) for line in explained]
    whole = re.compile(
        r"Seq Scan on (run|event|step|action|tool_effect|idempotency_key)\b(?!.*never executed)"
    )
    read = re.compile(r"(?:actual rows=|Rows Removed by .*: )(\d+)")
    scanned = [line for line in plan if whole.search(line)]
    most = max(int(rows) for line in plan for rows in read.findall(line))
    assert (scanned, most <= overview.NEWEST_RUNS) == ([], True), "\n".join(plan)


async def test_a_database_that_is_too_slow_is_given_up(shared_url: str) -> None:
    async with overview.look(shared_url, seconds=0.2) as connection:
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.fetchval("select pg_sleep(30)")


async def test_a_look_cannot_write(shared_url: str) -> None:
    async with overview.look(shared_url) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("delete from worker")
