"""What must hold of every stored run, checked by SQL: for `helium doctor` and after every chaos test.

`python -m helium.db.checker <url>` prints the violations, and exits with 1 if there are any.
"""

import asyncio
import sys

import asyncpg

from helium.db.database import connect_arguments

# An event's type, out of the text: the JSON operators refuse a payload that holds an escaped NUL.
TYPE = """substring(e.payload::text from '^{"type" ?: ?"([a-z_.]+)"')"""
FINAL = "('run.completed', 'run.failed', 'run.cancelled', 'run.incomplete')"
ENDED = "('completed', 'failed', 'cancelled', 'incomplete')"
SHOWN = 20

# Each query gives the id of a row that breaks the rule, and what is wrong with it.
INVARIANTS: dict[str, str] = {
    "a finished run has one final event": f"""
        select r.id, r.status || ' with ' || count(e.seq) || ' final events' from run r
        left join event e on e.run_id = r.id and {TYPE} in {FINAL}
        group by r.id having count(e.seq) <> (r.status in {ENDED})::int""",
    "nothing follows a final event": f"""
        select r.id, 'event ' || e.seq || ' of ' || r.next_seq - 1 from event e
        join run r on r.id = e.run_id
        where {TYPE} in {FINAL} and exists (
            select 1 from event l where l.run_id = e.run_id and l.seq > e.seq)""",
    "events are numbered 1, 2, 3, … up to the run's next number": """
        select r.id, count(e.seq) || ' events, from ' || coalesce(min(e.seq), 0) || ' to '
            || coalesce(max(e.seq), 0) || ', next ' || r.next_seq
        from run r left join event e on e.run_id = r.id
        group by r.id having count(e.seq) <> r.next_seq - 1
            or coalesce(min(e.seq), 0) <> 1 or max(e.seq) <> r.next_seq - 1""",
    "epochs never decrease along a log": """
        select id, 'event ' || seq || ' of epoch ' || epoch || ' after epoch ' || before from (
            select r.id, e.seq, e.epoch, r.epoch as newest,
                lag(e.epoch, 1, 0) over (partition by e.run_id order by e.seq) as before
            from event e join run r on r.id = e.run_id) x
        where epoch < before or epoch > newest""",
    "steps are numbered 0, 1, 2, … as many as the run counts": """
        select r.id, count(s.position) || ' steps up to ' || coalesce(max(s.position), -1)
            || ', the run counts ' || r.steps
        from run r left join step s on s.run_id = r.id
        group by r.id having count(s.position) <> r.steps
            or coalesce(min(s.position), 0) <> 0 or coalesce(max(s.position), -1) <> r.steps - 1""",
    "a step is completed once": f"""
        select e.run_id, 'step ' || substring(e.payload::text from '"position" ?: ?([0-9]+)')
            || ', ' || count(*) || ' times'
        from event e where {TYPE} = 'step.completed'
        group by e.run_id, substring(e.payload::text from '"position" ?: ?([0-9]+)')
        having count(*) > 1""",
    # The ledger's row was made under the first lease that began the effect, and names the last one.
    "an effect is begun again only after a person said so": f"""
        select f.run_id, 'call ' || call_id || ' begun under epochs ' || first || ' and ' || epoch from (
            select f.*, (select max(e.epoch) from event e
                where e.run_id = f.run_id and {TYPE} = 'run.started'
                  and e.created_at <= f.created_at) as first
            from tool_effect f) f
        where epoch > first and not exists (
            select 1 from action a where a.run_id = f.run_id and a.call_id = f.call_id
              and a.kind = 'in_doubt' and a.decision = 'repeat'
              and a.epoch > f.first and a.epoch < f.epoch)""",
    "exactly the runs in progress are leased": """
        select id, status || ' with owner ' || coalesce(owner_token::text, 'none')
            || ', worker ' || coalesce(worker_id::text, 'none')
        from run where (owner_token is not null) <> (status = 'in_progress')
            or (worker_id is not null) <> (status = 'in_progress')""",
    "exactly the waiting runs have a pending action": """
        select r.id, r.status || ' with ' || count(a.id) || ' pending actions' from run r
        left join action a on a.run_id = r.id and a.state = 'pending'
        group by r.id having count(a.id) <> (r.status = 'requires_action')::int""",
    "what belongs to a run is of its workspace": """
        select r.id, kind || ' of workspace ' || x.workspace_id from run r join (
            select 'event' as kind, run_id, workspace_id from event
            union all select 'step', run_id, workspace_id from step
            union all select 'effect', run_id, workspace_id from tool_effect
            union all select 'action', run_id, workspace_id from action
            union all select 'idempotency key', run_id, workspace_id from idempotency_key
        ) x on x.run_id = r.id where x.workspace_id <> r.workspace_id
        union all
        select r.id, 'thread of workspace ' || t.workspace_id from run r
        join thread t on t.id = r.thread_id where t.workspace_id <> r.workspace_id""",
    "a run's status is what its log says": f"""
        select r.id, r.status || ' after ' || coalesce(l.type, 'nothing') from run r
        left join lateral (
            select {TYPE} as type from event e
            where e.run_id = r.id and {TYPE} like 'run.%' and {TYPE} <> 'run.cancel_requested'
            order by e.seq desc limit 1) l on true
        where r.status is distinct from case
            when l.type in ('run.queued', 'run.requeued', 'run.resumed') then 'queued'
            when l.type = 'run.started' then 'in_progress'
            else substring(l.type from 5) end""",
    "a thread has at most one active run": """
        select thread_id, count(*) || ' active runs' from run
        where not held and status in ('queued', 'in_progress', 'requires_action')
        group by thread_id having count(*) > 1""",
    "usage is never negative": """
        select id, 'a sum is negative' from run
        where least(input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_microusd,
            lost_tokens, tool_calls) < 0""",
}


async def check_invariants(connection: asyncpg.Connection) -> list[str]:
    """The violations in this database, one sentence each, in the order of `INVARIANTS`; [] if it is sound.

    All rules see the same snapshot, so that it may be asked while workers write. Not to be called
    within a transaction. Of each rule at most 20 violations are told.
    """
    found: list[str] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for rule, query in INVARIANTS.items():
            rows = await connection.fetch(f"select * from ({query}) as broken(id, what) limit {SHOWN}")
            found.extend(f"{rule}: {row['id']}: {row['what']}" for row in rows)
    return found


async def check_database(url: str) -> list[str]:
    """`check_invariants` on a connection of its own."""
    connection = await asyncpg.connect(url, **connect_arguments(pooler=True))
    try:
        return await check_invariants(connection)
    finally:
        await connection.close()


def main() -> int:
    found = asyncio.run(check_database(sys.argv[1]))
    sys.stdout.writelines(f"{line}\n" for line in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
