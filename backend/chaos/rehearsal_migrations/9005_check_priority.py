"""All rows are looked at while others write."""

from alembic import op

revision = "9005"
down_revision = "9004"
phase = "enforce"
statement_seconds = 600


def upgrade() -> None:
    op.execute("alter table run validate constraint run_priority")
