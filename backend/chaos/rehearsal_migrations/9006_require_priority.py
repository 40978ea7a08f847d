"""The checked constraint saves PostgreSQL from looking at the rows again."""

from alembic import op

revision = "9006"
down_revision = "9005"
phase = "enforce"


def upgrade() -> None:
    op.execute("alter table run alter column priority set not null")
    op.execute("alter table run drop constraint run_priority")
