"""The commands: what they say, where they keep backups, and what they refuse."""

import base64
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from helium.adapters.blobs import open_blobs
from helium.cli import backup
from helium.cli.failure import Failure
from helium.settings import Settings
from tests.backup.installation import Installation, everything

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIUM_BACKUP_KEY", KEY)


@pytest.fixture
def settings(here: Installation, tmp_path: Path) -> Settings:
    return Settings(database_url=SecretStr(here.url), home=tmp_path)


@pytest.fixture
def live(here: Installation, tmp_path: Path) -> None:
    here.live = open_blobs((tmp_path / "blobs").as_uri())


async def test_a_backup_is_made_and_restored(
    here: Installation, settings: Settings, live: None, blank_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace_id = await here.one_run_of_each_kind()
    key = await here.file(workspace_id, b"hello")
    await backup.back_up(settings, to=None, name="one", keep=1)
    await backup.back_up(settings, to=None, name="two", keep=1)
    await here.live.delete(key)

    elsewhere = settings.model_copy(update={"database_url": SecretStr(blank_url)})
    code = await backup.restore_from(elsewhere, source=None, name="latest")

    said = capsys.readouterr()
    assert code == 0
    assert "1 file as one: " in said.out
    assert "Deleted one." in said.out
    assert "Restored two: " in said.out
    assert "1 file (0 were there); 2 runs went back to the queue." in said.out
    assert "The checker finds nothing wrong." in said.out
    assert KEY not in said.out + said.err
    assert (await here.live.stat(key)).size == 5
    assert len((await everything(blank_url))["run"]) == len((await everything(here.url))["run"])


async def test_a_drill_prints_recovery_point_and_time(
    here: Installation, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await here.one_run_of_each_kind()
    await backup.back_up(settings, to=None, name=None, keep=None)

    good = await backup.drill_from(settings, source=None, name="latest", embedded=False)
    await here.side.database.execute("delete from event where seq = 1")
    await backup.back_up(settings, to=None, name=None, keep=None)
    bad = await backup.drill_from(settings, source=None, name="latest", embedded=False)

    said = capsys.readouterr().out
    assert (good, bad) == (0, 1)
    assert "Recovery point   " in said
    assert "Recovery time    " in said
    assert "The checker objects." in said


async def test_a_drill_can_have_a_server_of_its_own(
    here: Installation, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await here.one_run_of_each_kind()
    await backup.back_up(settings, to=None, name=None, keep=None)

    without = settings.model_copy(update={"database_url": SecretStr("postgresql://localhost:1/none")})
    assert await backup.drill_from(without, source=None, name="latest", embedded=True) == 0


async def test_production_makes_no_backup_without_a_key(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HELIUM_BACKUP_KEY")
    production = settings.model_copy(update={"environment": "production"})

    with pytest.raises(Failure, match="Backups are encrypted in production: set HELIUM_BACKUP_KEY"):
        await backup.back_up(production, to="memory:///", name=None, keep=None)


async def test_production_must_be_told_where(settings: Settings) -> None:
    production = settings.model_copy(update={"environment": "production"})

    with pytest.raises(Failure, match="Say where backups are"):
        await backup.back_up(production, to=None, name=None, keep=None)


async def test_development_is_warned_without_a_key(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HELIUM_BACKUP_KEY")

    await backup.back_up(settings, to=None, name=None, keep=None)

    assert "is not set, so this backup is not encrypted" in capsys.readouterr().err


async def test_the_key_may_be_a_reference(
    here: Installation, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "backup-key").write_text(KEY + "\n")
    own = settings.model_copy(
        update={"secrets": settings.secrets.model_copy(update={"folder": tmp_path / "secrets"})}
    )
    monkeypatch.setenv("HELIUM_BACKUP_KEY", "secret:file:backup-key")
    await backup.back_up(own, to=None, name="one", keep=None)

    monkeypatch.setenv("HELIUM_BACKUP_KEY", KEY)
    assert await backup.drill_from(settings, source=None, name="one", embedded=False) == 0


async def test_a_key_that_is_none_is_one_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIUM_BACKUP_KEY", "hunter2")

    with pytest.raises(Failure, match="32 bytes in base64: make one with") as caught:
        await backup.back_up(settings, to=None, name=None, keep=None)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("s3://bucket/files", "s3://bucket/files", True),
        ("s3://bucket/files", "s3://bucket/files/", True),
        ("s3://bucket", "s3://bucket/backups", True),
        ("s3://bucket/files/backups", "s3://bucket/files", True),
        ("s3://bucket/files", "s3://bucket/files-backups", False),
        ("s3://bucket/files", "gs://bucket/files", False),
        ("s3://bucket/files", "s3://other/files", False),
        ("file:///a/./b/../b", "file:///a/b", True),
        ("file:///a/b%20c/d", "file:///a/b c", True),
    ],
)
def test_places_within_each_other_are_known(one: str, other: str, *, same: bool) -> None:
    assert backup.overlap(one, other) is same
    assert backup.overlap(other, one) is same


async def test_backups_are_not_made_among_live_files(settings: Settings, tmp_path: Path) -> None:
    inside = (tmp_path / "blobs" / "backups").as_uri()

    with pytest.raises(Failure, match="must not be in one folder"):
        await backup.back_up(settings, to=inside, name=None, keep=None)
    with pytest.raises(Failure, match="must not be in one folder"):
        await backup.back_up(settings, to=(tmp_path / "blobs").as_uri(), name=None, keep=None)


async def test_a_place_that_is_none_is_one_sentence(settings: Settings) -> None:
    with pytest.raises(Failure, match="gs://bucket/folder, s3://bucket/folder or file:///folder"):
        await backup.back_up(settings, to="ftp://host/folder", name=None, keep=None)


async def test_a_table_that_the_role_may_not_read_is_one_sentence(
    here: Installation, settings: Settings
) -> None:
    url = here.url.replace("//helium@", "//helium_backup_test@")
    await here.side.database.execute("create role helium_backup_test login")
    await here.side.database.execute("grant select on alembic_version to helium_backup_test")
    other = settings.model_copy(update={"database_url": SecretStr(url)})

    try:
        with pytest.raises(Failure, match="The database refuses: permission denied for table"):
            await backup.back_up(other, to=None, name="one", keep=None)
    finally:
        await here.side.database.execute("drop owned by helium_backup_test")
        await here.side.database.execute("drop role helium_backup_test")

    assert not any("manifest" in name for _, _, names in os.walk(settings.home) for name in names)


async def test_rows_that_a_policy_hides_make_the_backup_fail(
    here: Installation, settings: Settings
) -> None:
    db = here.side.database
    await here.side.workspace()
    await db.execute("create role helium_policy_test login")
    await db.execute("grant select on all tables in schema public to helium_policy_test")
    await db.execute("alter table workspace enable row level security")
    url = here.url.replace("//helium@", "//helium_policy_test@")
    other = settings.model_copy(update={"database_url": SecretStr(url)})

    try:
        with pytest.raises(Failure, match="row-level security"):
            await backup.back_up(other, to=None, name="one", keep=None)
    finally:
        await db.execute("drop owned by helium_policy_test")
        await db.execute("drop role helium_policy_test")
