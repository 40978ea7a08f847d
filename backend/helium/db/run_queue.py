"""The queue's statements: claim, renew, release, requeue, promote, cancel, decide.

A queue is not a table of its own: it is the runs that are `queued`, due, and not held behind another
run of their thread. Leases are judged by the database's clock alone.
"""

# A claim looks at this many workspaces that have waiting runs; each costs it about 30 µs.
MOST_WORKSPACES = 1000
SUSPECT_DEATHS = 3

RUN_COLUMNS = """
    r.id, r.workspace_id, r.thread_id, r.previous_run_id, r.status, r.spec, r.input, r.attempt,
    r.steps, r.tool_calls, r.input_tokens, r.cached_tokens, r.output_tokens, r.reasoning_tokens,
    r.cost_microusd, r.error_code, r.error_message, r.next_seq,
    extract(epoch from r.created_at)::float8 as created_at,
    extract(epoch from r.started_at)::float8 as started_at,
    extract(epoch from r.finished_at)::float8 as finished_at
"""


def _take(engine: str) -> str:
    """What both ways of claiming do with the runs that they chose. From then on a worker whose engine
    is older than this one leaves them in the queue."""
    return f"""
claimed as (
    update run set
        status = 'in_progress', epoch = run.epoch + 1, owner_token = gen_random_uuid(),
        worker_id = $1, attempt = run.attempt + 1,
        attempts_without_progress = run.attempts_without_progress + 1, engine_version = {engine},
        started_at = coalesce(run.started_at, clock_timestamp()), next_seq = run.next_seq + 1
    where run.id = any(array(select id from taken))
    returning run.*
),
logged as (
    insert into event (run_id, seq, workspace_id, epoch, payload)
    select id, next_seq - 1, workspace_id, epoch,
        ('{{"type":"run.started","attempt":' || attempt || '}}')::json
    from claimed
)
select {RUN_COLUMNS}, r.epoch, r.owner_token, r.attempts_without_progress, r.lost_tokens,
    r.boundary_seq, r.cancel_requested_at is not null as cancel_requested,
    extract(epoch from clock_timestamp())::float8 as claimed_at,
    extract(epoch from clock_timestamp() - r.due_at)::float8 as waited_seconds
from claimed r order by r.due_at
"""


# A run whose workers died three times may be what killed them, or was only near it. For a minute such
# suspects go last and one at a time: not beside each other, and not beside a run whose workers died
# twice, so that the guilty one takes no innocent one with it until that one's attempts run out.
# (`<> run.id` is always true: it makes the planner look only if there is a suspect.)
_BESIDE_SUSPECT = f"""
exists (select 1 from run o where o.worker_id = $1 and o.status = 'in_progress'
    and o.attempts_without_progress >= {SUSPECT_DEATHS} and o.id <> run.id)
"""

# `waiting` steps from workspace to workspace through the index, one probe each, so that ten thousand
# runs of one of them hide nobody. `room` is each one's share of this claim; counting the running
# ones is left out where only one workspace waits and none is bounded.
CLAIM = f"""
with recursive suspect as (
    select id, workspace_id from run
    where status = 'queued' and not held and due_at <= now() - make_interval(secs => $3)
        and engine_version <= $6
        and attempts_without_progress >= {SUSPECT_DEATHS} and due_at >= now() - interval '1 minute'
        and not {_BESIDE_SUSPECT}
        and not exists (
            select 1 from run o where o.status = 'queued' and not o.held
                and o.due_at <= now() and o.id <> run.id and o.engine_version <= $6
                and o.attempts_without_progress between 1 and {SUSPECT_DEATHS - 1})
        and ($4::int is null or $4 > (select count(*) from run r where r.status = 'in_progress'
            and r.held = false and r.workspace_id = run.workspace_id))
    order by due_at limit 1
    for no key update skip locked
),
waiting as (
    (select workspace_id, 1 as n from run where status = 'queued' and held = false
    order by workspace_id limit 1)
    union all
    select (select r.workspace_id from run r
        where r.status = 'queued' and r.held = false and r.workspace_id > w.workspace_id
        order by r.workspace_id limit 1), w.n + 1
    from waiting w where w.workspace_id is not null and w.n < {MOST_WORKSPACES}
),
room as (
    select w.workspace_id, busy.n as busy,
        greatest(0, least(
            ceil($2::numeric / (select count(*) from waiting x where x.workspace_id is not null)),
            coalesce($4, 2000000000) - busy.n
                - (select count(*) from suspect s where s.workspace_id = w.workspace_id)))::bigint as n
    from waiting w cross join lateral (
        select case when $4::int is null and (select count(*) from waiting x) <= 2 then 0
            else (select count(*) from run r where r.status = 'in_progress' and r.held = false
                and r.workspace_id = w.workspace_id) end as n) busy
    where w.workspace_id is not null
),
free as (
    select case when $5::int is null then $2
        else greatest(0, least($2, $5 - (select count(*) from run where status = 'in_progress')))
        end::bigint as n
),
due as (
    select d.id from room cross join lateral (
        select q.id, q.due_at, room.busy + row_number() over (order by q.due_at) as place from (
            select id, due_at from run
            where status = 'queued' and held = false and workspace_id = room.workspace_id
                and due_at <= now() - make_interval(secs => $3) and engine_version <= $6
                and (attempts_without_progress < {SUSPECT_DEATHS} or due_at < now() - interval '1 minute')
            order by due_at limit room.n
            for no key update skip locked) q) d
    order by d.place, d.due_at
    limit greatest(0, (select n from free) - (select count(*) from suspect))
),
taken as (
    (select id from suspect where (select n from free) > 0) union all select id from due
),
{_take("$6")}
"""

# A queue delivered these. The workspace's bound holds here too; who is over it is refused for now.
CLAIM_THESE = f"""
with asked as (
    select id, workspace_id, row_number() over (partition by workspace_id order by due_at) as place,
        attempts_without_progress >= {SUSPECT_DEATHS} and due_at >= now() - interval '1 minute' as suspect
    from run
    where id = any($2::uuid[]) and status = 'queued' and not held and due_at <= now()
        and engine_version <= $5
        and (attempts_without_progress < {SUSPECT_DEATHS} or due_at < now() - interval '1 minute'
            or not {_BESIDE_SUSPECT})
),
fit as (
    select id from asked
    where (not suspect or id = (select id from asked where suspect limit 1))
        and ($3::int is null or place <= $3 - (select count(*) from run r
            where r.status = 'in_progress' and r.held = false and r.workspace_id = asked.workspace_id))
        and ($4::int is null or place <= $4 - (select count(*) from run r
            where r.status = 'in_progress'))
),
taken as (
    select id from run where id = any(array(select id from fit)) and status = 'queued' and not held
        and engine_version <= $5
    for no key update skip locked
),
{_take("$5")}
"""

STANDING = """
select r.id, r.status, r.error_code, r.held, r.engine_version > $2 as for_newer_engine,
    extract(epoch from r.due_at - clock_timestamp())::float8 as due_in_seconds,
    coalesce(extract(epoch from w.lease_expires_at - clock_timestamp()), 0)::float8 as lease_seconds
from run r left join worker w on w.id = r.worker_id
where r.id = any($1::uuid[])
"""

HISTORY = """
with recursive chain as (
    select c.run_id as for_run, r.id, r.previous_run_id, r.input, 1 as depth
    from unnest($1::uuid[], $2::uuid[]) as c(run_id, previous)
    join run r on r.id = c.previous
    union all
    select chain.for_run, r.id, r.previous_run_id, r.input, chain.depth + 1
    from chain join run r on r.id = chain.previous_run_id
    where chain.depth < 2000
)
select for_run, input,
    (select json_agg(s.result order by s.position) from step s where s.run_id = chain.id) as results
from chain order by for_run, depth desc
"""

STEPS = """
select run_id, position, kind, name, result from step
where run_id = any($1::uuid[]) order by run_id, position
"""

# The type out of the text: `->>` refuses a payload that holds an escaped NUL anywhere.
SINCE_BOUNDARY = """
select e.run_id, e.payload from unnest($1::uuid[], $2::int[]) as c(run_id, boundary)
join event e on e.run_id = c.run_id and e.seq >= c.boundary
where substring(e.payload::text from '^{"type" ?: ?"([a-z_.]+)"') in ('item.added', 'step.retracted')
order by e.run_id, e.seq
"""

EFFECTS = """
select run_id, call_id, tool, arguments_hash, state, epoch from tool_effect where run_id = any($1::uuid[])
"""

ACTION_COLUMNS = """
    id, run_id, workspace_id, call_id, kind, epoch, subject_hash, prompt, tool, arguments, state,
    decision, answer
"""

# Ids are made by clocks of several machines; a run's epochs tell for certain which came later.
DECISIONS = f"""
select {ACTION_COLUMNS} from action
where run_id = any($1::uuid[]) and state = 'decided' order by epoch, id
"""

RENEW = """
insert into worker (id, lease_expires_at)
values ($1, clock_timestamp() + make_interval(secs => $2))
on conflict (id) do update set lease_expires_at = excluded.lease_expires_at
"""

CANCELS = """
select id from run
where worker_id = $1 and status = 'in_progress' and cancel_requested_at is not null
"""

# What both give back: the queue gets the run, unless somebody asked to cancel it. A lost worker may
# have been in the middle of a model call, which was paid for: that is counted, never left out.
_GIVE_BACK = """
back as (
    update run set
        status = case when run.cancel_requested_at is null then 'queued' else 'cancelled' end,
        finished_at = case when run.cancel_requested_at is null then null
            else clock_timestamp() end,
        owner_token = null, worker_id = null, due_at = clock_timestamp(),
        lost_tokens = run.lost_tokens
            + least(coalesce((run.spec->>'max_output_tokens')::numeric, 1024), 1e9)::bigint * $2::int,
        next_seq = run.next_seq + 1
    from lost where run.id = lost.id and run.status = 'in_progress'
    returning run.*
),
logged as (
    insert into event (run_id, seq, workspace_id, epoch, payload)
    select id, next_seq - 1, workspace_id, epoch,
        case when status = 'queued'
            then json_build_object('type', 'run.requeued', 'reason', $3::text)
            else json_build_object('type', 'run.cancelled', 'usage', json_build_object(
                'input_tokens', input_tokens, 'cached_tokens', cached_tokens,
                'output_tokens', output_tokens, 'reasoning_tokens', reasoning_tokens,
                'cost_microusd', cost_microusd)) end
    from back
)
select id, status from back
"""

REQUEUE_EXPIRED = f"""
with lost as (
    select r.id from run r left join worker w on w.id = r.worker_id
    where r.status = 'in_progress'
      and (w.id is null or w.lease_expires_at < clock_timestamp())
    order by r.id limit $1
    for no key update of r skip locked
),
{_GIVE_BACK}
"""

RELEASE = f"""
with lost as (
    select id from run where status = 'in_progress' and worker_id = $1
    order by id for no key update
),
{_GIVE_BACK}
"""

ABANDON = f"""
with lost as (
    select id from run where id = $1 and epoch = $4 and owner_token = $5 for no key update
),
{_GIVE_BACK}
"""

DISOWN = f"""
with lost as (
    select id from run where status = 'in_progress' and worker_id = $1
        and owner_token <> all($4::uuid[])
    order by id for no key update
),
{_GIVE_BACK}
"""

END_WORKER = "delete from worker where id = $1"

FORGET_WORKERS = """
delete from worker w where w.lease_expires_at < clock_timestamp() - interval '1 day'
  and not exists (select 1 from run r where r.worker_id = w.id and r.status = 'in_progress')
"""

# A held run's `due_at` is when it was inserted under its thread's lock: the order of their coming.
PROMOTE = """
with next as (
    select distinct on (h.thread_id) h.id from run h
    where h.held and h.status = 'queued' and not exists (
        select 1 from run a where a.thread_id = h.thread_id and not a.held
          and a.status in ('queued', 'in_progress', 'requires_action'))
    order by h.thread_id, h.due_at, h.id limit $1
)
update run set held = false, due_at = clock_timestamp() from next
where run.id = next.id and run.status = 'queued' and run.held
returning run.id
"""

DUE = """
select exists (select 1 from (
    select 1 from run where status = 'queued' and held = false and due_at <= now()
        and engine_version <= $1
    order by workspace_id, due_at limit 1) x)
"""

OVERDUE = """
with late as (
    select id from run
    where status = 'queued' and held = false and due_at <= now() - make_interval(secs => $1)
        and engine_version <= $4
        and (rung_at is null or rung_at <= now() - make_interval(secs => $2))
    order by workspace_id, due_at limit $3
    for no key update skip locked
)
update run set rung_at = now() where id = any(array(select id from late)) returning id
"""

LOCK_RUN = f"select {RUN_COLUMNS} from run r where r.id = $1 for no key update"
GET_RUN = f"select {RUN_COLUMNS} from run r where r.id = $1"

MARK_CANCEL = """
update run set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
where id = $1 and status = 'in_progress'
"""

CANCEL_IDLE = """
update run set status = 'cancelled', finished_at = clock_timestamp(), held = false,
    cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()), next_seq = next_seq + 2
where id = $1 and status in ('queued', 'requires_action')
"""

CANCEL_ASKED = """
select r.cancel_requested_at is not null as asked, exists (
    select 1 from run h where h.thread_id = r.thread_id and h.held and h.status = 'queued') as successor
from run r where r.id = $1
"""

VOID_ACTIONS = "update action set state = 'void' where run_id = $1 and state = 'pending'"

APPEND_UNLEASED = """
insert into event (run_id, seq, workspace_id, epoch, payload)
select $1, s.seq, r.workspace_id, r.epoch, s.payload::json
from run r, unnest($2::int[], $3::text[]) as s(seq, payload) where r.id = $1
"""

# Run first, then action: the order in which a cancellation takes them.
LOCK_RUN_OF_ACTION = """
select r.id from run r where r.id = (select run_id from action where id = $1) for no key update
"""

DECIDE = f"""
update action set state = 'decided', decision = $2, answer = $3, decided_by = $4,
    decided_at = clock_timestamp()
where id = $1 and state = 'pending'
returning {ACTION_COLUMNS}
"""

RESUME = """
update run set status = 'queued', due_at = clock_timestamp(), next_seq = next_seq + 1
where id = $1 and status = 'requires_action'
returning next_seq - 1 as seq
"""
