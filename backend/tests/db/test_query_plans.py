"""The statements that run all the time never read a whole table, whatever plan the server settles on."""

import re
from collections.abc import Iterator

import asyncpg
import pytest

from helium.db import event_log, run_queue, run_start
from helium.db.commit import Batch
from helium.ports import Lease, Write
from tests.support.databases import database_like, statement
from tests.support.factories import a_step, delta

RUNS = 5_000
# Of every 50 runs one is queued, one in progress, one held; the rest are finished.
FURNISH = f"""
insert into workspace (id, name) values (gen_random_uuid(), 'test');
insert into thread (id, workspace_id) select gen_random_uuid(), w.id
    from workspace w, generate_series(1, {RUNS});
insert into worker (id, lease_expires_at) select gen_random_uuid(), now() + interval '1 day'
    from generate_series(1, 10);
insert into run (id, workspace_id, thread_id, spec, input, status, held, owner_token, worker_id, next_seq)
    select gen_random_uuid(), workspace_id, id, '{{}}', '[]',
        case n % 50 when 0 then 'queued' when 1 then 'in_progress' when 2 then 'queued'
            else 'completed' end,
        n % 50 = 2,
        case n % 50 when 1 then gen_random_uuid() end,
        case n % 50 when 1 then (select id from worker limit 1) end,
        7
    from (select t.*, row_number() over () as n from thread t) t;
insert into event (run_id, seq, workspace_id, epoch, payload)
    select id, s, workspace_id, 1, '{{"type":"item.delta","item_id":"m","index":0,"text":"x"}}'
    from run, generate_series(1, 6) s;
insert into action (id, workspace_id, run_id, call_id, kind, epoch, subject_hash, prompt, state)
    select gen_random_uuid(), workspace_id, id, 'c', 'approval', 1, '', '', 'decided' from run;
insert into step (run_id, position, workspace_id, kind, name, result, epoch)
    select id, 0, workspace_id, 'model', 'model', '{{}}', 1 from run;
insert into tool_effect (run_id, call_id, workspace_id, tool, arguments_hash, state, epoch)
    select id, 'c', workspace_id, 'send', '', 'done', 1 from run;
"""

STATEMENTS = {
    name: getattr(module, name)
    for module, names in (
        (event_log, "APPEND COMMIT READ LANDED HOLDERS"),
        (
            run_queue,
            "CLAIM CLAIM_THESE STANDING OVERDUE DUE CANCELS RELEASE DISOWN ABANDON REQUEUE_EXPIRED PROMOTE"
            " HISTORY STEPS SINCE_BOUNDARY EFFECTS DECISIONS LOCK_RUN RESUME CANCEL_IDLE CANCEL_ASKED"
            " APPEND_UNLEASED",
        ),
        (run_start, "START ACTIVE_RUN WAITING"),
    )
    for name in names.split()
}


@pytest.fixture(scope="module")
def full_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    with database_like(postgres_url, migrated_template) as url:
        statement(url, FURNISH)
        statement(url, "analyze")
        yield url


@pytest.fixture
async def full(full_url: str) -> asyncpg.Connection:
    return await asyncpg.connect(full_url)


def whole_tables(plan: list[asyncpg.Record]) -> list[str]:
    """The tables that a plan reads from end to end."""
    lines = [str(row[0]) for row in plan]
    return [
        found[1] for line in lines if (found := re.search(r"Seq Scan on (run|event|step|action)\b", line))
    ]


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_statement_reads_a_whole_table_under_its_generic_plan(
    full: asyncpg.Connection, name: str
) -> None:
    # A prepared statement that has run a few times keeps one plan for all arguments.
    sql = STATEMENTS[name]
    count = max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)
    await full.execute("set plan_cache_mode = force_generic_plan")
    await full.execute(f"prepare asked as {sql}")
    arguments = f"({', '.join(['null'] * count)})" if count else ""

    plan = await full.fetch(f"explain execute asked{arguments}")

    await full.close()
    assert whole_tables(plan) == [], "\n".join(str(row[0]) for row in plan)


async def leased(connection: asyncpg.Connection, count: int) -> list[Lease]:
    rows = await connection.fetch(
        "select id, workspace_id, epoch, owner_token from run where status = 'in_progress' limit $1", count
    )
    return [Lease(row["id"], row["workspace_id"], row["epoch"], row["owner_token"]) for row in rows]


@pytest.mark.parametrize("runs", [1, 20])
@pytest.mark.parametrize("name", ["APPEND", "COMMIT", "CLAIM", "CLAIM_THESE", "STANDING", "READ", "LANDED"])
async def test_no_statement_reads_a_whole_table_under_a_plan_for_its_arguments(
    full: asyncpg.Connection, name: str, runs: int
) -> None:
    # Behind a pooler each call is planned anew, for exactly these arguments. (A group of 100 runs is a
    # fiftieth of this table; there the planner rightly finds that reading all of it is no dearer.)
    leases = await leased(full, runs)
    step = a_step() if name == "COMMIT" else None
    batch = Batch([Write(lease=lease, first_seq=7, events=(delta(),) * 3, step=step) for lease in leases])
    ids = [lease.run_id for lease in leases]
    arguments: dict[str, list[object]] = {
        "CLAIM": [leases[0].token, runs, 0.0, 1000, 1000, 1],
        "CLAIM_THESE": [leases[0].token, ids, 1000, 1000, 1],
        "STANDING": [ids, 1],
        "READ": [ids, [3] * runs, 100],
        "LANDED": [ids, [6] * runs, [1] * runs, ["{}"] * runs],
    }
    sql, of_batch = batch.arguments()

    plan = await full.fetch(
        f"explain {STATEMENTS[name] if name in arguments else sql}", *arguments.get(name, of_batch)
    )

    await full.close()
    assert whole_tables(plan) == [], "\n".join(str(row[0]) for row in plan)
