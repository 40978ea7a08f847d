"""The version of the engine that claimed a run last: an older one leaves it in the queue. Decision 0029.

A constant default is kept beside the table: no row is rewritten, and the release before need not know it.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
phase = "expand"


def upgrade() -> None:
    op.execute("alter table run add column engine_version smallint not null default 1")


def downgrade() -> None:
    raise RuntimeError("Helium's migrations go forward only. Restore a backup to go back.")
