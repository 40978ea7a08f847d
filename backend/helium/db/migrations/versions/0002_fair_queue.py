"""One index for the queue, by workspace: fair claims and counted limits; one for runs tried again.

`rung_at` is when a sweeper last rang for a run that its queue had not delivered.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
phase = "expand"
statement_seconds = 600

SCHEMA = """
create index run_active on run (status, held, workspace_id, due_at)
    where status in ('queued', 'in_progress');
create index run_retried on run (attempts_without_progress, due_at)
    where status = 'queued' and not held and attempts_without_progress >= 1;
drop index run_due;
alter table run add column rung_at timestamptz;
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("Helium's migrations go forward only. Restore a backup to go back.")
