"""The priority of runs that were there before."""

from helium.db.phases import Backfill, ensure

revision = "9003"
down_revision = "9002"
phase = "backfill"
backfills = (Backfill(table="run", key="id", missing="priority is null", change="priority = 0", rows=500),)


def upgrade() -> None:
    ensure(*backfills)
