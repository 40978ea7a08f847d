"""The next release, as a rehearsal plays it: today's code, and migrations that no release has."""

import shutil
from pathlib import Path
from uuid import UUID

import asyncpg

from helium.db.revisions import VERSIONS, Migrations

REHEARSAL = Path(__file__).parent / "rehearsal_migrations"
PLACEHOLDER = "THE RELEASE'S HEAD"


def add_rehearsal(versions: Path) -> Migrations:
    """Put the rehearsal's migrations behind those of a folder."""
    newest = Migrations(versions).head
    for path in sorted(REHEARSAL.glob("9*.py")):
        (versions / path.name).write_text(path.read_text().replace(PLACEHOLDER, newest))
    return Migrations(versions)


def next_release(folder: Path) -> Migrations:
    """A copy of this release's migrations with the rehearsal's behind them."""
    versions = folder / "versions"
    shutil.copytree(VERSIONS, versions, ignore=shutil.ignore_patterns("__pycache__"))
    return add_rehearsal(versions)


SEED = """
insert into thread (id, workspace_id, title)
    select md5('thread' || n)::uuid, workspace_id, 'thread ' || n
    from run, generate_series(1, $2::int) n where id = $1;
insert into run (id, workspace_id, thread_id, status, spec, input, next_seq, boundary_seq, steps, epoch,
        attempt, started_at, finished_at)
    select md5('run' || n)::uuid, workspace_id, md5('thread' || n)::uuid, status, spec, input, next_seq,
        boundary_seq, steps, epoch, attempt, started_at, finished_at
    from run, generate_series(1, $2::int) n where id = $1;
insert into event (run_id, seq, workspace_id, epoch, payload)
    select md5('run' || n)::uuid, seq, workspace_id, epoch, payload
    from event, generate_series(1, $2::int) n where run_id = $1;
insert into step (run_id, position, workspace_id, kind, name, result, epoch)
    select md5('run' || n)::uuid, position, workspace_id, kind, name, result, epoch
    from step, generate_series(1, $2::int) n where run_id = $1
"""


async def seed(connection: asyncpg.Connection, run_id: str, number: int) -> None:
    """So many copies of a run that has ended, for a migration to have something to do."""
    async with connection.transaction():
        for statement in SEED.split(";\n"):
            await connection.execute(statement, *(UUID(run_id.removeprefix("run_")), number), timeout=300)
    await connection.execute("vacuum analyze")
