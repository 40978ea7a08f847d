"""A backup that is not whole is refused with a sentence, and the database stays as it was."""

import asyncio
import json
from collections.abc import AsyncIterable

import asyncpg
import msgspec
import pytest

from helium.adapters.blobs import ObjectBlobs
from helium.backup import Archive, BackupFailed, Backups, Keyring, Manifest, restore
from helium.backup.archive import MANIFEST
from helium.backup.tables import shapes
from helium.core.errors import BlobsUnavailable
from helium.kit.clock import ManualClock
from tests.backup.installation import Installation, everything, read, stream
from tests.support.databases import statement


@pytest.fixture
async def saved(here: Installation) -> Manifest:
    workspace_id = await here.one_run_of_each_kind()
    await here.file(workspace_id, b"hello" * 1000)
    return await here.back_up()


async def replace(place: ObjectBlobs, key: str, content: bytes) -> None:
    await place.put(key, stream(content))


async def joined(chunks: AsyncIterable[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def is_blank(url: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return await shapes(connection) == []
    finally:
        await connection.close()


@pytest.mark.parametrize("part", ["table.workspace.00000", "table.event.00000", "files.00000"])
@pytest.mark.parametrize("encrypted", [True, False])
async def test_a_changed_part_is_refused(
    here: Installation, blank_url: str, part: str, *, encrypted: bool
) -> None:
    here.keyring = here.keyring if encrypted else None
    workspace_id = await here.one_run_of_each_kind()
    await here.file(workspace_id, b"hello" * 1000)
    await here.back_up()
    content = bytearray(await read(here.place, f"one/{part}"))
    content[len(content) // 2] ^= 1
    await replace(here.place, f"one/{part}", bytes(content))

    with pytest.raises(BackupFailed, match=rf"{part} of .* is damaged or was changed"):
        await here.bring_back(blank_url)

    assert await is_blank(blank_url)


@pytest.mark.parametrize("part", ["table.step.00000", "files.00000"])
async def test_a_missing_part_is_refused(
    here: Installation, saved: Manifest, blank_url: str, part: str
) -> None:
    await here.place.delete(f"one/{part}")

    with pytest.raises(BackupFailed, match=f"The part {part} of one is missing"):
        await here.bring_back(blank_url)

    assert await is_blank(blank_url)


async def test_a_part_that_vanishes_during_the_restore_is_refused(
    here: Installation, saved: Manifest, blank_url: str
) -> None:
    archive, manifest = await Backups(here.place, here.keyring).open()
    await here.place.delete("one/table.event.00000")

    with pytest.raises(BackupFailed, match=r"The part table\.event\.00000 of one is missing"):
        await restore(blank_url, archive, manifest, None)

    assert await is_blank(blank_url)


async def test_rows_in_another_number_than_were_saved_are_refused(
    here: Installation, saved: Manifest, blank_url: str
) -> None:
    archive, manifest = await Backups(here.place, here.keyring).open()
    tables = [msgspec.structs.replace(table, rows=table.rows + 1) for table in manifest.tables]

    with pytest.raises(BackupFailed, match=r"The table \w+ has \d+ rows in the backup instead of \d+"):
        await restore(blank_url, archive, msgspec.structs.replace(manifest, tables=tables), None)

    assert await is_blank(blank_url)


async def test_a_part_that_is_another_one_of_this_key_is_refused(
    here: Installation, saved: Manifest
) -> None:
    archive, manifest = await Backups(here.place, here.keyring).open()
    other = msgspec.structs.replace(manifest.parts()[0], sha256=b"\0" * 32)

    with pytest.raises(BackupFailed, match="is damaged or was changed"):
        await joined(archive.read(other))


async def test_a_cut_part_is_refused(here: Installation, saved: Manifest, blank_url: str) -> None:
    content = await read(here.place, "one/table.event.00000")
    await replace(here.place, "one/table.event.00000", content[:-20])

    with pytest.raises(BackupFailed, match=rf"has {len(content) - 20} bytes instead of {len(content)}"):
        await here.bring_back(blank_url)

    assert await is_blank(blank_url)


async def test_a_part_in_the_place_of_another_is_refused(
    here: Installation, saved: Manifest, blank_url: str
) -> None:
    archive, manifest = await Backups(here.place, here.keyring).open()
    parts = {part.name: part for part in manifest.parts()}
    await replace(here.place, "one/table.event.00000", await read(here.place, "one/table.run.00000"))

    with pytest.raises(BackupFailed, match="damaged or was changed"):
        await joined(archive.read(parts["table.event.00000"]))


async def test_a_changed_manifest_is_refused(here: Installation, saved: Manifest, blank_url: str) -> None:
    body, seal, _ = (await read(here.place, f"one/{MANIFEST}")).split(b"\n")
    changed = json.loads(body)
    changed["tables"] = changed["tables"][:-1]
    await replace(here.place, f"one/{MANIFEST}", json.dumps(changed).encode() + b"\n" + seal + b"\n")

    with pytest.raises(BackupFailed, match="The manifest of one is damaged or was changed"):
        await here.bring_back(blank_url)


async def test_a_manifest_that_is_no_manifest_is_refused(
    here: Installation, saved: Manifest, blank_url: str
) -> None:
    await replace(here.place, f"one/{MANIFEST}", b"{}\n")

    with pytest.raises(BackupFailed, match="cannot be read: it is damaged, or of a newer Helium"):
        await here.bring_back(blank_url)


async def test_an_unencrypted_backup_is_refused_by_who_has_a_key(
    here: Installation, blank_url: str
) -> None:
    keyring, here.keyring = here.keyring, None
    await here.back_up()
    here.keyring = keyring

    with pytest.raises(BackupFailed, match="not encrypted: unset HELIUM_BACKUP_KEY"):
        await here.bring_back(blank_url)


async def test_a_backup_that_was_moved_is_refused(
    here: Installation, saved: Manifest, blank_url: str
) -> None:
    async for blob in here.place.list("one"):
        await replace(here.place, blob.key.replace("one/", "two/"), await read(here.place, blob.key))

    with pytest.raises(BackupFailed, match="The backup in two is one: somebody has moved it"):
        await here.bring_back(blank_url, "two")


async def test_another_key_is_refused(here: Installation, saved: Manifest, blank_url: str) -> None:
    here.keyring = Keyring((b"x" * 32,))
    with pytest.raises(BackupFailed, match=r"made with the key [0-9a-f]{8}, and HELIUM_BACKUP_KEY holds"):
        await here.bring_back(blank_url)

    here.keyring = None
    with pytest.raises(BackupFailed, match="This backup is encrypted: set HELIUM_BACKUP_KEY"):
        await here.bring_back(blank_url)

    assert await is_blank(blank_url)


async def test_an_older_key_opens_what_it_has_locked(
    here: Installation, saved: Manifest, blank_url: str
) -> None:
    here.keyring = Keyring((b"n" * 32, b"k" * 32))

    assert (await here.bring_back(blank_url)).violations == ()


@pytest.mark.parametrize("failing", ["table.event.00000", "files.00000", MANIFEST])
async def test_a_store_that_breaks_off_leaves_no_backup(
    here: Installation, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    await here.file(await here.one_run_of_each_kind(), b"hello")
    put = here.place.put

    async def broken(key: str, chunks: AsyncIterable[bytes]) -> int:
        if key.endswith(failing):
            await anext(aiter(chunks))
            raise BlobsUnavailable("The object store does not answer.")
        return await put(key, chunks)

    monkeypatch.setattr(here.place, "put", broken)
    with pytest.raises(BlobsUnavailable):
        await here.back_up()

    assert [each.complete_at for each in await Backups(here.place, here.keyring).find()] == [None]
    monkeypatch.setattr(here.place, "put", put)
    assert (await here.back_up("two")).rows > 0


async def test_a_backup_that_is_cancelled_leaves_no_backup_and_no_connection(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.one_run_of_each_kind()
    begun, put = asyncio.Event(), here.place.put

    async def hanging(key: str, chunks: AsyncIterable[bytes]) -> int:
        if "table.event" in key:
            await anext(aiter(chunks))
            begun.set()
            await asyncio.Event().wait()
        return await put(key, chunks)

    monkeypatch.setattr(here.place, "put", hanging)
    work = asyncio.create_task(here.back_up())
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert [each.complete_at for each in await Backups(here.place, here.keyring).find()] == [None]
    left = (
        "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'copy%'"
    )
    assert [row[0] for row in await here.side.database.fetch(left)] == [0]


async def test_an_interrupted_backup_is_no_backup(
    here: Installation, saved: Manifest, blank_url: str
) -> None:
    await here.place.delete(f"one/{MANIFEST}")

    with pytest.raises(BackupFailed, match="There is no complete backup at this place"):
        await here.bring_back(blank_url)
    with pytest.raises(BackupFailed, match="The backup one was never finished: it has no manifest"):
        await here.bring_back(blank_url, "one")
    with pytest.raises(BackupFailed, match=r"There is no backup two at this place. The latest: none"):
        await here.bring_back(blank_url, "two")


async def test_a_database_with_rows_is_left_alone(here: Installation, saved: Manifest) -> None:
    before = await everything(here.url)

    with pytest.raises(BackupFailed, match=r"not empty \(the table \w+ has rows\): restore into a new one"):
        await here.bring_back(here.url)

    assert await everything(here.url) == before


async def test_a_database_of_something_else_is_left_alone(
    here: Installation, saved: Manifest, blank_url: str
) -> None:
    statement(blank_url, "create table theirs (id int)")

    with pytest.raises(BackupFailed, match="holds tables of something else"):
        await here.bring_back(blank_url)


async def test_a_newer_schema_is_refused(here: Installation, saved: Manifest, migrated: str) -> None:
    statement(migrated, "update alembic_version set version_num = '9999'")

    with pytest.raises(BackupFailed, match="has the schema 9999, and the backup is of"):
        await here.bring_back(migrated)


async def test_a_backup_of_a_newer_release_is_refused(here: Installation, blank_url: str) -> None:
    statement(here.url, "update alembic_version set version_num = '9999'")
    await here.back_up()

    with pytest.raises(BackupFailed, match=r"The backup has the schema 9999 of Helium .*, this one knows"):
        await here.bring_back(blank_url)

    assert await is_blank(blank_url)


async def test_an_empty_database_is_not_backed_up(here: Installation, blank_url: str) -> None:
    here.url = blank_url
    with pytest.raises(BackupFailed, match="nothing to back up"):
        await here.back_up()


async def test_names_that_are_taken_or_mean_something_else_are_refused(
    here: Installation, saved: Manifest
) -> None:
    backups = Backups(here.place, here.keyring)
    with pytest.raises(BackupFailed, match="something called one already"):
        await backups.must_be_free("one")
    for name in ("latest", "../one", "One", ""):
        with pytest.raises(BackupFailed, match="cannot be a backup's name"):
            await backups.must_be_free(name)
    await backups.must_be_free("two")


async def test_old_and_abandoned_backups_go_and_nothing_else(here: Installation) -> None:
    for name in ("a", "b", "c"):
        await here.back_up(name)
    await replace(here.place, "begun/table.run.00000", b"x")
    await replace(here.place, "holiday/picture.jpg", b"x")
    await replace(here.place, "c-notes", b"x")
    backups = Backups(here.place, here.keyring)
    now = max([each.touched_at for each in await backups.find()])

    assert await backups.prune(2, now) == ["a"]
    assert await backups.prune(2, now + 86_401) == ["begun"]

    left = {blob.key.partition("/")[0] async for blob in here.place.list("")}
    assert left == {"b", "c", "holiday", "c-notes"}
    assert [each.name for each in await backups.find()] == ["b", "c"]


async def test_half_a_deletion_leaves_nothing_that_looks_whole(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.one_run_of_each_kind()
    for name in ("a", "b"):
        await here.back_up(name)
    delete, deleted = here.place.delete, list[str]()

    async def once(key: str) -> None:
        if deleted:
            raise BlobsUnavailable("The object store does not answer.")
        deleted.append(key)
        await delete(key)

    monkeypatch.setattr(here.place, "delete", once)
    backups = Backups(here.place, here.keyring)
    with pytest.raises(BlobsUnavailable):
        await backups.prune(1, 0)

    assert {each.name: each.complete_at is None for each in await backups.find()} == {"a": True, "b": False}


async def test_the_clock_of_a_manifest_is_the_installations(here: Installation) -> None:
    manifest = await here.back_up(clock=ManualClock(5.0))

    assert (manifest.began_at, manifest.finished_at) == (5.0, 5.0)
    assert manifest.snapshot_at > 1e9
    assert manifest.lsn.count("/") == 1


def test_an_archive_has_no_key_in_its_repr(here: Installation) -> None:
    assert "kkkk" not in repr(Archive(here.place, "one", b"k" * 32))
