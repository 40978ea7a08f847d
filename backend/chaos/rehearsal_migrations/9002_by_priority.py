"""Indexes on two tables that are always written to."""

from helium.db.phases import Index, ensure

revision = "9002"
down_revision = "9001"
phase = "expand"
indexes = (
    Index("run_by_priority", "run (workspace_id, priority, id)"),
    Index("event_by_time", "event (workspace_id, created_at)"),
)


def upgrade() -> None:
    ensure(*indexes)
