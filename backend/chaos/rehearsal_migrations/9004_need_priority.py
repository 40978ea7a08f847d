"""New rows must have a priority. Old ones are filled once more, and checked by the next revision."""

from alembic import op

from helium.db.phases import Backfill, ensure

revision = "9004"
down_revision = "9003"
phase = "enforce"
backfills = (Backfill(table="run", key="id", missing="priority is null", change="priority = 0", rows=500),)


def upgrade() -> None:
    ensure(*backfills)
    op.execute("alter table run add constraint run_priority check (priority is not null) not valid")
