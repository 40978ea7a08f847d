"""Whether the connections that Helium may open fit into the database (I10)."""

import asyncpg

from helium.bootstrap import connections_of
from helium.cli.failure import Failure
from helium.db.database import connect_arguments
from helium.settings import Settings

# During a rollout the old processes and the new ones are there together.
ROLLOUT = 2


def connections_needed(settings: Settings, processes: int) -> int:
    """Connections that so many processes may open at most, while they are being replaced."""
    supervisor = 1 if processes > 1 and settings.metrics.port is not None else 0
    return (connections_of(settings) * processes + supervisor) * ROLLOUT


async def check_budget(settings: Settings, url: str, *, processes: int) -> None:
    """Raise `Failure` with one sentence if the database has fewer connections than may be opened.

    Behind a pooler nothing is asked: the pooler shares few connections among many.
    """
    if settings.database.pooler:
        return
    connection = await asyncpg.connect(url, **connect_arguments(pooler=True))
    try:
        row = await connection.fetchrow(
            "select current_setting('max_connections')::int as most,"
            " current_setting('superuser_reserved_connections')::int"
            # PostgreSQL 16 keeps some for roles of ours to choose, too.
            " + coalesce(current_setting('reserved_connections', true), '0')::int as reserved"
        )
    finally:
        await connection.close()
    assert row is not None
    needed, free = connections_needed(settings, processes), row["most"] - row["reserved"]
    if needed > free:
        raise Failure(
            f"{processes} processes with {connections_of(settings)} connections each, twice during a"
            f" rollout, may open {needed}, and the database has {free}: lower"
            " HELIUM_DATABASE__POOL_SIZE, raise its max_connections, or use a pooler"
            " (HELIUM_DATABASE__POOLER)."
        )
