"""Files that people upload and runs make: the rows; the bytes are blobs."""

from alembic import op

revision = "0003"
down_revision = "0002"
phase = "expand"

SCHEMA = """
-- The row is there before its bytes and until after them: bytes without a row are nobody's.
create table file (
    id uuid primary key,
    workspace_id uuid not null references workspace on delete cascade,
    run_id uuid references run on delete set null,
    name text not null,
    purpose text not null,
    content_type text not null default 'application/octet-stream',
    size bigint not null check (size >= 0),
    sha256 bytea,
    blob_key text not null unique,
    state text not null default 'uploading' check (state in ('uploading', 'stored', 'deleting')),
    state_at timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    check (state <> 'stored' or sha256 is not null)
);
-- Lists, and the sum of a workspace's bytes without reading the rows.
create index file_by_workspace on file (workspace_id, id) include (size);
create index file_by_run on file (run_id) where run_id is not null;
create index file_expiring on file (expires_at) where state = 'stored' and expires_at is not null;
create index file_unfinished on file (state_at) where state <> 'stored';
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("Helium's migrations go forward only. Restore a backup to go back.")
