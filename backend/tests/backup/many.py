"""Ten thousand finished runs, made by the database itself."""

from helium.db.database import Database
from helium.kit.ids import new_id

DELTAS = 22
# A delta's text is of hashes, so that it does not shrink to nothing.
_STATEMENTS = """
insert into thread (id, workspace_id, title)
    select md5('thread' || n)::uuid, $1, 'thread ' || n from generate_series(1, $2) n;
insert into run (id, workspace_id, thread_id, status, spec, input, next_seq, boundary_seq, steps, epoch,
        attempt, started_at, finished_at)
    select md5('run' || n)::uuid, $1, md5('thread' || n)::uuid, 'completed', '{{}}', '[]',
        {next}, {next}, 1, 1, 1, clock_timestamp(), clock_timestamp() from generate_series(1, $2) n;
insert into event (run_id, seq, workspace_id, epoch, payload)
    select md5('run' || n)::uuid, seq, $1, least(seq - 1, 1), (case seq
        when 1 then '{{"type":"run.queued"}}' when 2 then '{{"type":"run.started","attempt":1}}'
        when {next} - 2 then '{{"type":"step.completed","position":0}}'
        when {next} - 1 then '{{"type":"run.completed"}}'
        else '{{"type":"item.delta","item_id":"msg_2","index":0,"text":"'
            || (select string_agg(md5(concat(n, ' ', seq, ' ', part)), '')
                from generate_series(1, 15) part) || '"}}'
        end)::json
    from generate_series(1, $2) n, generate_series(1, {next} - 1) seq;
insert into step (run_id, position, workspace_id, kind, name, result, epoch)
    select md5('run' || n)::uuid, 0, $1, 'model', 'model', '{{"finish":"stop"}}', 1
    from generate_series(1, $2) n
"""


async def many_runs(database: Database, number: int) -> None:
    """Each has a log of 26 events, 22 of them of about half a kilobyte."""
    workspace_id = new_id()
    async with database.transaction() as connection:
        await connection.execute("insert into workspace (id, name) values ($1, 'many')", workspace_id)
        for statement in _STATEMENTS.format(next=DELTAS + 5).split(";\n"):
            sql = statement.replace("$1", f"'{workspace_id}'::uuid").replace("$2", str(number))
            await connection.execute(sql, timeout=120)
