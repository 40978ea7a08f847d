"""What comes back from a backup is what went in."""

import asyncio
import json
from pathlib import Path

import pytest

from helium.adapters.blobs import open_blobs
from helium.core.errors import LeaseLost
from helium.db.checker import check_database
from helium.db.database import open_database
from helium.db.migrate import current, head
from helium.kit.ids import new_id
from tests.backup.installation import Installation, everything, read, stream
from tests.support.databases import statement
from tests.support.factories import a_write, delta, finish
from tests.support.object_stores import Kind, new_store
from tests.support.sides import PostgresSide, claimed, started

LEASED = {"owner_token", "worker_id", "due_at", "lost_tokens", "next_seq", "status", "finished_at"}


def apart(rows: dict[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, dict[str, str]]]:
    """All rows but those of runs, and those."""
    runs = [json.loads(row) for row in rows.pop("run")]
    return rows, {run["id"]: run for run in runs}


async def test_all_rows_of_runs_in_every_state_come_back(here: Installation, blank_url: str) -> None:
    workspace_id = await here.one_run_of_each_kind()
    await here.file(workspace_id, b"hello")
    before, runs_before = apart(await everything(here.url))
    manifest = await here.back_up()

    restored = await here.bring_back(blank_url)

    after, runs_after = apart(await everything(blank_url))
    assert restored.violations == ()
    assert restored.rows == manifest.rows == sum(map(len, before.values())) + len(runs_before)
    assert restored.requeued == 2
    # The events and the count of what the two that were in progress went through since.
    new_events = [row for row in after.pop("event") if row not in before["event"]]
    assert sorted(json.loads(json.loads(row)["payload"])["type"] for row in new_events) == [
        "run.cancelled",
        "run.requeued",
    ]
    del before["event"], before["worker"], before["run_ending"]
    assert after.pop("worker") == []
    assert len(after.pop("run_ending")) == 5
    assert after == before
    for run_id, run in runs_before.items():
        changed = {name for name, value in run.items() if value != runs_after[run_id][name]}
        assert changed <= (LEASED if run["status"] == "in_progress" else set()), run


async def test_every_state_is_among_what_is_tested(here: Installation) -> None:
    await here.one_run_of_each_kind()

    _, runs = apart(await everything(here.url))

    states = {"queued", "in_progress", "requires_action", "completed", "failed", "cancelled", "incomplete"}
    assert {run["status"] for run in runs.values()} == states
    assert {run["held"] for run in runs.values()} == {"True", "False"}


async def test_no_table_of_the_schema_is_left_out(here: Installation) -> None:
    manifest = await here.back_up()

    rows = await here.side.database.fetch("select tablename from pg_tables where schemaname = 'public'")
    assert {table.name for table in manifest.tables} == {row[0] for row in rows} - {"alembic_version"}


async def test_a_worker_of_the_snapshot_writes_nothing_after_a_restore(
    here: Installation, blank_url: str
) -> None:
    await here.one_run_of_each_kind()
    await here.back_up()

    await here.bring_back(blank_url)

    async with open_database(blank_url, pool_size=2, pooler=False) as database:
        side = PostgresSide(database)
        late = a_write(here.leased, delta("late"), first_seq=here.leased.next_seq + 1)
        assert isinstance((await side.store.commit([late]))[0], LeaseLost)
        again = {run.row.id: run for run in await side.store.claim(new_id(), 100)}
        lease = again[here.leased.lease.run_id].lease
        assert lease.epoch == here.leased.lease.epoch + 1
        assert lease.token != here.leased.lease.token
        assert isinstance((await side.store.commit([late]))[0], LeaseLost)
        assert await side.broken() == []


async def test_generated_numbers_go_on_after_a_restore(here: Installation, blank_url: str) -> None:
    await here.one_run_of_each_kind()
    await here.back_up()
    await here.bring_back(blank_url)

    async with open_database(blank_url, pool_size=2, pooler=False) as database:
        side = PostgresSide(database)
        await started(side)
        await side.store.commit([finish(await claimed(side))])

    ids = [json.loads(row)["id"] for row in (await everything(blank_url))["run_ending"]]
    assert len(set(ids)) == len(ids) == 6


async def test_a_backup_while_runs_are_written_is_consistent(here: Installation, blank_url: str) -> None:
    written = asyncio.Event()
    runs = 0

    async def write() -> None:
        nonlocal runs
        while True:
            await started(here.side)
            run = await claimed(here.side)
            await here.side.store.commit([a_write(run, *(delta() for _ in range(20)))])
            await here.side.store.commit([finish(run, first_seq=run.next_seq + 20)])
            runs += 1
            if runs == 10:
                written.set()

    writers = [asyncio.create_task(write())]
    await written.wait()
    before = runs
    manifest = await here.back_up(part_bytes=1)
    after = runs
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)

    restored = await here.bring_back(blank_url)

    assert after > before, "nothing was written meanwhile"
    assert restored.violations == ()
    counted = {table.name: table.rows for table in manifest.tables}
    assert before <= counted["run"] <= after + 1
    assert await check_database(here.url) == []


async def test_an_older_schema_is_brought_to_this_one(here: Installation, blank_url: str) -> None:
    manifest = await here.back_up()
    assert manifest.schema == await asyncio.to_thread(head)

    statement(here.url, "drop table run_count, run_ending cascade")
    statement(here.url, "drop function count_run_ending cascade")
    statement(here.url, "alter table run drop column engine_version")
    statement(here.url, "update alembic_version set version_num = '0003'")
    older = await here.back_up("two")
    restored = await here.bring_back(blank_url, "two")

    assert older.schema == "0003"
    assert restored.violations == ()
    assert await current(blank_url) == manifest.schema


async def test_an_empty_schema_may_be_there_already(here: Installation, migrated: str) -> None:
    await here.one_run_of_each_kind()
    await here.back_up()

    restored = await here.bring_back(migrated)

    assert restored.violations == ()


async def test_bytes_of_files_come_back_and_those_that_are_there_stay(
    here: Installation, blank_url: str
) -> None:
    workspace_id = await here.one_run_of_each_kind()
    big = bytes(range(256)) * 40_000
    keys = [await here.file(workspace_id, content) for content in (b"", b"small", big)]
    await here.live.put("threads/aa/bb/cc", stream(b"a tool wrote this"))
    await here.back_up(part_bytes=1024 * 1024)
    live = open_blobs("memory:///")
    await live.put(keys[1], stream(b"small"))

    restored = await here.bring_back(blank_url, live=live)

    assert (restored.blobs, restored.stored, restored.lost) == (4, 3, 0)
    assert [await read(live, key) for key in keys] == [b"", b"small", big]
    assert await read(live, "threads/aa/bb/cc") == b"a tool wrote this"


async def test_a_file_without_bytes_is_noted_and_marked(here: Installation, blank_url: str) -> None:
    workspace_id = await here.one_run_of_each_kind()
    gone = await here.file(workspace_id, b"gone")
    await here.live.delete(gone)
    await here.file(workspace_id, b"other bytes", sha256=b"\0" * 32)

    manifest = await here.back_up()
    restored = await here.bring_back(blank_url)

    assert (manifest.files.missing, manifest.files.damaged, restored.lost) == (1, 1, 1)
    states = {json.loads(row)["state"] for row in (await everything(blank_url))["file"] if gone in row}
    assert states == {"deleting"}


@pytest.mark.parametrize("kind", ["folder", "s3", "google"])
async def test_backups_are_kept_wherever_files_are(
    here: Installation, blank_url: str, tmp_path: Path, kind: Kind
) -> None:
    here.place, unfinished = await asyncio.to_thread(new_store, kind, tmp_path)
    workspace_id = await here.one_run_of_each_kind()
    await here.file(workspace_id, bytes(range(256)) * 40_000)
    await here.back_up(part_bytes=5 * 1024 * 1024)

    restored = await here.bring_back(blank_url)

    assert (restored.violations, restored.blobs) == ((), 1)
    assert await asyncio.to_thread(unfinished) == []


async def test_a_backup_without_a_key_comes_back_too(here: Installation, blank_url: str) -> None:
    await here.one_run_of_each_kind()
    here.keyring = None
    manifest = await here.back_up()

    assert manifest.key is None
    assert (await here.bring_back(blank_url)).violations == ()


async def test_nothing_readable_is_stored_with_a_key(here: Installation) -> None:
    await here.one_run_of_each_kind()
    await here.back_up(part_bytes=1)

    keys = [blob.key async for blob in here.place.list("one") if "table" in blob.key]
    stored = [await read(here.place, key) for key in keys]

    assert len(stored) >= 10
    assert all(content[:2] != b"\x78\x5e" for content in stored)
    assert not any(b"workspace" in content for content in stored)
