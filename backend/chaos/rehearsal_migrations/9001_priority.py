"""A column for runs: null in rows that are there, 0 in those that any release adds from now on."""

from alembic import op

revision = "9001"
down_revision = "THE RELEASE'S HEAD"
phase = "expand"


def upgrade() -> None:
    op.execute("alter table run add column priority smallint")
    op.execute("alter table run alter column priority set default 0")
