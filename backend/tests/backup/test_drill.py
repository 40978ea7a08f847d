"""A drill says whether a backup is good, and leaves nothing; and what ten thousand runs cost."""

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from helium.backup import BackupFailed, Backups, drill
from helium.kit.clock import ManualClock, SystemClock
from tests.backup.installation import Installation
from tests.backup.many import many_runs
from tests.support.databases import statement, with_database

RUNS = 10_000
MORE_BYTES = 64 * 1024 * 1024
"""What a command may take beyond what it takes for nothing: two parts in the making, and their pieces."""


async def databases(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("select datname from pg_database where datname like 'helium_drill_%'")
        return [row["datname"] for row in rows]
    finally:
        await connection.close()


async def test_a_drill_shows_that_a_backup_is_good(here: Installation) -> None:
    workspace_id = await here.one_run_of_each_kind()
    await here.file(workspace_id, b"hello")
    await here.back_up()
    archive, manifest = await Backups(here.place, here.keyring).open()
    clock = ManualClock(manifest.snapshot_at + 90)

    shown = await drill(here.url, archive, manifest, clock)

    assert shown.restored.violations == ()
    assert (shown.restored.rows, shown.restored.blobs, shown.restored.stored) == (manifest.rows, 1, 0)
    assert shown.recovery_point_seconds == pytest.approx(90)
    assert await databases(here.url) == []


async def test_a_drill_shows_what_is_wrong_with_the_runs(here: Installation) -> None:
    await here.one_run_of_each_kind()
    await here.side.database.execute("delete from event where seq = 1")
    await here.back_up()
    archive, manifest = await Backups(here.place, here.keyring).open()

    shown = await drill(here.url, archive, manifest, SystemClock())

    assert any("events are numbered" in line for line in shown.restored.violations)


async def test_a_drill_on_a_bad_backup_fails_and_leaves_nothing(here: Installation) -> None:
    await here.one_run_of_each_kind()
    await here.back_up()
    archive, manifest = await Backups(here.place, here.keyring).open()
    await here.place.delete("one/table.event.00000")

    with pytest.raises(BackupFailed, match="is missing"):
        await drill(here.url, archive, manifest, SystemClock())

    assert await databases(here.url) == []


async def test_a_drill_removes_what_a_killed_one_left_a_day_ago(here: Installation) -> None:
    await here.back_up()
    archive, manifest = await Backups(here.place, here.keyring).open()
    now = int(SystemClock().time())
    old, young = f"helium_drill_{now - 90_000}_00000000", f"helium_drill_{now - 3_600}_00000000"
    for name in (old, young):
        statement(here.url, f"create database {name}")

    try:
        await drill(here.url, archive, manifest, SystemClock())
        assert await databases(here.url) == [young]
    finally:
        statement(here.url, f"drop database if exists {young}")


async def test_a_role_that_may_not_create_databases_is_told(here: Installation) -> None:
    await here.back_up()
    archive, manifest = await Backups(here.place, here.keyring).open()
    statement(here.url, "create role helium_drill_test login")

    try:
        with pytest.raises(BackupFailed, match="may not create databases"):
            await drill(
                here.url.replace("//helium@", "//helium_drill_test@"), archive, manifest, SystemClock()
            )
    finally:
        statement(here.url, "drop role helium_drill_test")


PROGRAM = """
import asyncio, json, resource, sys
from helium.backup import Backups, Keyring
from helium.cli import backup
from helium.settings import load_settings
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
settings = load_settings()
match sys.argv[1]:
    case "backup": asyncio.run(backup.back_up(settings, to=None, name=sys.argv[2], keep=None))
    case "drill": asyncio.run(
        backup.drill_from(settings, source=None, name=sys.argv[2], embedded=False))
print(json.dumps(peak()))
"""


async def command(home: Path, url: str, what: str, name: str) -> tuple[list[str], int]:
    """A command in a process of its own: what it says, and the most memory that it had, in bytes."""
    env = {
        **os.environ,
        "HELIUM_HOME": str(home),
        "HELIUM_DATABASE_URL": url,
        "HELIUM_BACKUP_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, what, name, env=env, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    *lines, peak = out.decode().splitlines()
    return lines, json.loads(peak)


@pytest.mark.process
async def test_ten_thousand_runs_are_saved_and_drilled_in_bounded_memory(
    here: Installation, tmp_path: Path
) -> None:
    peaks = {what: (await command(tmp_path, here.url, what, "empty"))[1] for what in ("backup", "drill")}
    await many_runs(here.side.database, RUNS)

    made, backup_peak = await command(tmp_path, here.url, "backup", "full")
    drilled, drill_peak = await command(tmp_path, here.url, "drill", "full")

    (size,) = await here.side.database.fetch("select pg_database_size(current_database()) as bytes")
    sys.stdout.write(f"{made}\n{drilled}\n{size}, peaks: {peaks}, {backup_peak}, {drill_peak}\n")
    assert made[0].startswith("Backed up 290,001 rows and 0 files as full")
    assert any(line.startswith("Recovery time") for line in drilled)
    assert backup_peak - peaks["backup"] < MORE_BYTES
    assert drill_peak - peaks["drill"] < MORE_BYTES
    assert await databases(with_database(here.url, "postgres")) == []
