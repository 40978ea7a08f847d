"""`helium migrate`, and what a starting process demands of the schema."""

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster
from pydantic import SecretStr

from chaos.rehearsal import next_release
from helium.cli.database import migrate_now, migrated
from helium.cli.failure import Failure
from helium.db.migrate import current
from helium.db.revisions import Migrations
from helium.settings import Settings
from tests.support.databases import database_like

FILES = {"all", "_revision", "config", "module"}


@pytest.fixture(autouse=True)
def migrations_may_block(loop_guard: BlockBuster) -> None:
    """Migrations are read from files, in a process that does nothing else then."""
    for function in loop_guard.functions.values():
        function.can_block_in("helium/db/revisions.py", FILES)
        function.can_block_in("helium/db/migrate.py", "upgrade")


@pytest.fixture(autouse=True)
def release(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Migrations:
    """The next release is the one that runs."""
    made = next_release(tmp_path_factory.mktemp("release"))
    for module in ("helium.cli.database", "helium.db.migrate"):
        monkeypatch.setattr(f"{module}.Migrations", lambda: made)
    return made


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    with database_like(postgres_url, "template1") as url:
        yield url


def production(url: str) -> Settings:
    return Settings(database_url=SecretStr(url), environment="production")


async def test_migrate_stops_before_enforce_and_says_what_is_to_come(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await migrate_now(production(database_url))

    said = " ".join(capsys.readouterr().out.split())
    assert await current(database_url) == "9003"
    assert "9001 (expand): done in" in said
    assert "The schema is now at revision 9003." in said
    assert said.endswith(
        "Still to come: 9004 (enforce), 9005 (enforce), 9006 (enforce)."
        " Run `helium migrate --phase enforce` when every process is of this version."
    )


async def test_enforce_is_run_when_it_is_asked_for(database_url: str) -> None:
    await migrate_now(production(database_url), "enforce")

    assert await current(database_url) == "9006"


async def test_an_empty_database_gets_all_at_once(empty_url: str) -> None:
    await migrate_now(production(empty_url))

    assert await current(empty_url) == "9006"


async def test_a_laptop_gets_all_at_its_start(database_url: str) -> None:
    await migrated(Settings(database_url=SecretStr(database_url)), database_url)

    assert await current(database_url) == "9006"


async def test_a_process_starts_without_enforce_and_not_without_the_rest(database_url: str) -> None:
    settings = production(database_url)
    await migrate_now(settings, "expand")

    with pytest.raises(
        Failure, match=r"schema is 9002, this version needs 9003: run `helium migrate` first"
    ):
        await migrated(settings, database_url)

    await migrate_now(settings)
    await migrated(settings, database_url)
