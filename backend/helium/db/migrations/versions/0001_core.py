"""Workspaces, keys, agents, threads, runs, steps, events, effects, actions."""

from alembic import op

revision = "0001"
down_revision = None
phase = "expand"

SCHEMA = """
create table workspace (
    id uuid primary key,
    name text not null,
    created_at timestamptz not null default clock_timestamp()
);

create table api_key (
    id uuid primary key,
    workspace_id uuid not null references workspace on delete cascade,
    name text not null,
    secret_hash bytea not null,
    scopes text[] not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz
);
create index api_key_workspace on api_key (workspace_id, id);

create table agent (
    id uuid primary key,
    workspace_id uuid not null references workspace on delete cascade,
    name text not null,
    current_version integer not null,
    created_at timestamptz not null default clock_timestamp(),
    unique (workspace_id, name)
);

create table agent_version (
    agent_id uuid not null references agent on delete cascade,
    version integer not null,
    workspace_id uuid not null references workspace on delete cascade,
    definition json not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, version)
);

create table thread (
    id uuid primary key,
    workspace_id uuid not null references workspace on delete cascade,
    title text not null default '',
    metadata json not null default '{}',
    head_run_id uuid,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);
create index thread_recent on thread (workspace_id, updated_at desc, id desc);

-- One row per worker process. Its lease covers all its runs, so that renewing costs one row.
create table worker (
    id uuid primary key,
    name text not null default '',
    lease_expires_at timestamptz not null,
    started_at timestamptz not null default clock_timestamp()
);

create table run (
    id uuid primary key,
    workspace_id uuid not null references workspace on delete cascade,
    thread_id uuid not null references thread on delete cascade,
    previous_run_id uuid,
    agent_id uuid,
    status text not null default 'queued' check (status in
        ('queued', 'in_progress', 'requires_action', 'completed', 'failed', 'cancelled', 'incomplete')),
    held boolean not null default false,
    spec json not null,
    input json not null,
    next_seq integer not null default 2,
    boundary_seq integer not null default 2,
    steps integer not null default 0,
    tool_calls integer not null default 0,
    epoch integer not null default 0,
    owner_token uuid,
    worker_id uuid,
    attempt integer not null default 0,
    attempts_without_progress integer not null default 0,
    due_at timestamptz not null default clock_timestamp(),
    cancel_requested_at timestamptz,
    input_tokens bigint not null default 0,
    cached_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    reasoning_tokens bigint not null default 0,
    cost_microusd bigint not null default 0,
    lost_tokens bigint not null default 0,
    error_code text,
    error_message text,
    created_at timestamptz not null default clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz
) with (fillfactor = 70);
create unique index run_one_active on run (thread_id)
    where not held and status in ('queued', 'in_progress', 'requires_action');
create index run_due on run (due_at) where status = 'queued' and not held;
create index run_leased on run (worker_id) where status = 'in_progress';
create index run_held on run (thread_id, id) where held and status = 'queued';
create index run_by_thread on run (thread_id, id);
create index run_recent on run (workspace_id, id desc);

create table event (
    run_id uuid not null,
    seq integer not null,
    workspace_id uuid not null,
    epoch integer not null,
    payload json not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (run_id, seq)
);

create table step (
    run_id uuid not null references run on delete cascade,
    position integer not null,
    workspace_id uuid not null,
    kind text not null check (kind in ('model', 'tool')),
    name text not null,
    result json not null,
    epoch integer not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (run_id, position)
);

-- Calls of tools that must not be repeated: an intent that was never settled is in doubt.
create table tool_effect (
    run_id uuid not null references run on delete cascade,
    call_id text not null,
    workspace_id uuid not null,
    tool text not null,
    arguments_hash bytea not null,
    state text not null check (state in ('intent', 'done')),
    epoch integer not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (run_id, call_id)
);

create table action (
    id uuid primary key,
    workspace_id uuid not null,
    run_id uuid not null references run on delete cascade,
    call_id text not null,
    kind text not null check (kind in ('approval', 'question', 'in_doubt')),
    epoch integer not null,
    subject_hash bytea not null,
    prompt text not null,
    tool text,
    arguments text,
    state text not null default 'pending' check (state in ('pending', 'decided', 'void')),
    decision text,
    answer text,
    decided_by text,
    created_at timestamptz not null default clock_timestamp(),
    decided_at timestamptz
);
create unique index action_one_pending on action (run_id) where state = 'pending';
create index action_by_run on action (run_id, id);

create table idempotency_key (
    workspace_id uuid not null,
    key text not null,
    request_hash bytea not null,
    run_id uuid not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (workspace_id, key)
);
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("Helium's migrations go forward only. Restore a backup to go back.")
