"""`helium migrate` killed in the middle: what is there is whole, and the next one goes on."""

from pathlib import Path

import asyncpg

from chaos.migration import next_code
from helium.kit.ids import new_id
from tests.support.processes import Fleet, until
from tests.upgrade.releases import Release

PRODUCTION = {"HELIUM_ENVIRONMENT": "production"}
RUNS = """
with w as (insert into workspace (id, name) values ($1, 'test') returning id),
t as (insert into thread (id, workspace_id) select gen_random_uuid(), id from w, generate_series(1, 30000)
    returning id, workspace_id)
insert into run (id, workspace_id, thread_id, status, spec, input)
    select gen_random_uuid(), workspace_id, id, 'completed', '{}', '[]' from t
"""
STATE = """
select (select version_num from alembic_version), count(*) filter (where priority = 0), count(*) from run
"""


async def test_a_backfill_that_is_killed_is_gone_on_with(tmp_path: Path, database_url: str) -> None:
    fleet = Fleet(Release(next_code(tmp_path)), tmp_path, database_url, PRODUCTION)
    connection = await asyncpg.connect(database_url)
    await connection.execute(RUNS.replace("$1", f"'{new_id()}'"), timeout=60)
    try:
        await kill_halfway(fleet, connection)
        killed = await connection.fetchrow(STATE)
        again = await fleet.start("migrate").gone()
        ended = await connection.fetchrow(STATE)
    finally:
        fleet.close()
        await connection.close()

    assert killed is not None
    assert (killed[0], 0 < killed[1] < killed[2]) == ("9002", True)
    assert (again, tuple(ended or ())) == (0, ("9003", 30000, 30000))


async def kill_halfway(fleet: Fleet, connection: asyncpg.Connection) -> None:
    migrating = fleet.start("migrate")

    async def halfway() -> bool:
        if str(await connection.fetchval("select version_num from alembic_version")) < "9002":
            return False
        return bool(await connection.fetchval("select exists (select 1 from run where priority = 0)"))

    await until(halfway, "rows are filled")
    await migrating.kill()
