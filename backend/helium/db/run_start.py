"""The statements that accept runs: at a new thread, many at once, or at the end of a thread."""


def _waiting(condition: str, bound: str) -> str:
    """How many runs wait, counted up to about the bound. The order keeps to the queue's index."""
    halves = (
        f"(select count(*) from (select 1 from run r where r.status = 'queued' and r.held = {held}"
        f" and {condition} order by r.workspace_id, r.due_at limit {bound}) x)"
        for held in ("false", "true")
    )
    return f"({' + '.join(halves)})"


# $12 and $13 bound the waiting runs of a workspace and of all; who does not fit is left out of the
# answer. The counts stop at the bound, so that a full queue costs no more than that.
START = f"""
with n as (
    select *, row_number() over (partition by workspace_id order by number) as place from unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
        $8::text[], $9::text[], $10::bytea[], $11::text[]
    ) with ordinality as n(id, workspace_id, thread_id, agent_id, previous_run_id, spec, input,
           title, key, request_hash, event, number)
),
load as (
    select w.workspace_id, {_waiting("r.workspace_id = w.workspace_id", "$12")} as waiting
    from (select distinct workspace_id from n) w
),
fit as (
    select n.* from n join load using (workspace_id)
    where ($12::int is null or load.waiting + n.place <= $12)
        and ($13::int is null or n.number + {_waiting("true", "$13")} <= $13)
),
t as (
    insert into thread (id, workspace_id, title, head_run_id)
    select thread_id, workspace_id, title, id from fit
),
r as (
    insert into run
        (id, workspace_id, thread_id, agent_id, previous_run_id, spec, input, created_at, due_at)
    select id, workspace_id, thread_id, agent_id, previous_run_id, spec::json, input::json,
        now(), now() from fit
),
k as (
    insert into idempotency_key (workspace_id, key, request_hash, run_id)
    select workspace_id, key, request_hash, id from fit where key is not null
),
e as (
    insert into event (run_id, seq, workspace_id, epoch, payload, created_at)
    select id, 1, workspace_id, 0, event::json, now() from fit
)
select id, extract(epoch from now())::float8 as created_at from fit
"""

# Where the queue is nearly full, starts meet here one after the other, so that none is too many.
LOCK_WORKSPACES = "select id from workspace where id = any($1::uuid[]) order by id for no key update"
LOCK_ADMISSION = "select pg_advisory_xact_lock(7202611240001)"

WAITING = f"""
select {_waiting("r.workspace_id = $1", "$2")} as of_workspace, {_waiting("true", "$3")} as in_all
"""

KNOWN_KEY = """
select run_id, request_hash from idempotency_key where workspace_id = $1 and key = $2
"""

INSERT_KEY = """
insert into idempotency_key (workspace_id, key, request_hash, run_id) values ($1, $2, $3, $4)
"""

# The thread's row is the place where two starts on one thread meet, one after the other.
JOIN_THREAD = """
update thread t set head_run_id = $3, updated_at = clock_timestamp(),
    title = case when t.title = '' then $4 else t.title end
from (select id, head_run_id from thread where id = $1 and workspace_id = $2 for no key update) old
where t.id = old.id
returning old.head_run_id
"""

INSERT_RUN = """
insert into run (id, workspace_id, thread_id, agent_id, previous_run_id, spec, input, held,
    created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, now())
returning extract(epoch from created_at)::float8 as created_at
"""

INSERT_FIRST_EVENT = """
insert into event (run_id, seq, workspace_id, epoch, payload, created_at)
values ($1, 1, $2, 0, $3, now())
"""

ACTIVE_RUN = """
select id from run
where thread_id = $1 and not held and status in ('queued', 'in_progress', 'requires_action')
"""
