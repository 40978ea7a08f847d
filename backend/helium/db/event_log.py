"""The log's statements: append for many runs at once under their tokens, and read after a cursor.

The `from w` update is the fence: a run's row is touched only by the holder of its epoch and token,
and only if the first number and the step are the next ones. The status is left out of the predicate on
purpose: the token implies it, and with it the planner sometimes chose to scan all runs.
"""

PAGE_BYTES = 64 * 1024

COMMIT = """
with w as (
    select * from unnest(
        $1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::int[], $6::int[], $7::int[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
        $13::text[], $14::float8[], $15::text[], $16::text[], $17::bool[]
    ) as w(run_id, epoch, token, first_seq, n, step, tool_calls,
           input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_microusd,
           status, due_in, error_code, error_message, progress)
),
r as (
    update run set
        next_seq = run.next_seq + w.n,
        boundary_seq = case when w.step is null and w.status is null
            then run.boundary_seq else run.next_seq + w.n end,
        steps = run.steps + (w.step is not null)::int,
        tool_calls = run.tool_calls + w.tool_calls,
        input_tokens = run.input_tokens + w.input_tokens,
        cached_tokens = run.cached_tokens + w.cached_tokens,
        output_tokens = run.output_tokens + w.output_tokens,
        reasoning_tokens = run.reasoning_tokens + w.reasoning_tokens,
        cost_microusd = run.cost_microusd + w.cost_microusd,
        attempts_without_progress = case when w.progress then 0
            else run.attempts_without_progress end,
        status = coalesce(w.status, run.status),
        owner_token = case when w.status is null then run.owner_token end,
        worker_id = case when w.status is null then run.worker_id end,
        due_at = case when w.status = 'queued'
            then clock_timestamp() + make_interval(secs => w.due_in) else run.due_at end,
        error_code = coalesce(w.error_code, run.error_code),
        error_message = coalesce(w.error_message, run.error_message),
        finished_at = case when w.status in ('completed', 'failed', 'cancelled', 'incomplete')
            then clock_timestamp() else run.finished_at end
    from w
    where run.id = w.run_id
      and run.epoch = w.epoch and run.owner_token = w.token
      and run.next_seq = w.first_seq
      and (w.step is null or run.steps = w.step)
    returning run.id, run.workspace_id, run.epoch,
        case when w.status in ('completed', 'failed', 'cancelled', 'incomplete') then exists (
            select 1 from run h
            where h.thread_id = run.thread_id and h.held and h.status = 'queued') end as successor
),
e as (
    insert into event (run_id, seq, workspace_id, epoch, payload, created_at)
    select e.run_id, e.seq, r.workspace_id, r.epoch, e.payload::json, now()
    from unnest($18::uuid[], $19::int[], $20::text[]) as e(run_id, seq, payload)
    join r on r.id = e.run_id
),
s as (
    insert into step (run_id, position, workspace_id, kind, name, result, epoch)
    select s.run_id, s.position, r.workspace_id, s.kind, s.name, s.result::json, r.epoch
    from unnest($21::uuid[], $22::int[], $23::text[], $24::text[], $25::text[])
        as s(run_id, position, kind, name, result)
    join r on r.id = s.run_id
)
select id, successor, extract(epoch from now())::float8 as created_at from r
"""

# Deltas alone, which is most of what is written: the same fence, nothing else to decide.
APPEND = """
with w as (
    select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::int[])
        as w(run_id, epoch, token, first_seq, n)
),
r as (
    update run set next_seq = run.next_seq + w.n
    from w
    where run.id = w.run_id
      and run.epoch = w.epoch and run.owner_token = w.token
      and run.next_seq = w.first_seq
    returning run.id, run.workspace_id, run.epoch
),
e as (
    insert into event (run_id, seq, workspace_id, epoch, payload, created_at)
    select e.run_id, e.seq, r.workspace_id, r.epoch, e.payload::json, now()
    from unnest($6::uuid[], $7::int[], $8::text[]) as e(run_id, seq, payload)
    join r on r.id = e.run_id
)
select id, false as successor, extract(epoch from now())::float8 as created_at from r
"""

# After a connection broke around COMMIT: is this write's last event in the log, as we wrote it?
LANDED = """
select e.run_id, extract(epoch from e.created_at)::float8 as created_at
from unnest($1::uuid[], $2::int[], $3::int[], $4::text[]) as w(run_id, seq, epoch, payload)
join event e on e.run_id = w.run_id and e.seq = w.seq
where e.epoch = w.epoch and e.payload::text = w.payload
"""

HOLDERS = "select id, epoch, owner_token from run where id = any($1::uuid[])"

INSERT_INTENT = """
insert into tool_effect (run_id, call_id, workspace_id, tool, arguments_hash, state, epoch)
values ($1, $2, $3, $4, $5, 'intent', $6)
on conflict (run_id, call_id) do update set epoch = excluded.epoch
"""

SETTLE_EFFECT = "update tool_effect set state = 'done' where run_id = $1 and call_id = $2"

INSERT_ACTION = """
insert into action
    (id, workspace_id, run_id, call_id, kind, subject_hash, prompt, tool, arguments, epoch)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

# At most $3 events of a run, and no more after those that fill PAGE_BYTES: a reader holds them all.
READ = f"""
select c.run_id, e.seq, e.payload, extract(epoch from e.created_at)::float8 as created_at
from unnest($1::uuid[], $2::int[]) as c(run_id, after)
cross join lateral (
    select seq, payload, created_at from (
        select seq, payload, created_at, sum(octet_length(payload::text)) over (order by seq)
            - octet_length(payload::text) as before
        from event where run_id = c.run_id and seq > c.after
        order by seq limit $3) page
    where before < {PAGE_BYTES}
) e
order by c.run_id, e.seq
"""
