"""Migrations on a database in use: who holds a lock is waited for briefly, what was broken off goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from blockbuster import BlockBuster

from chaos.rehearsal import next_release
from helium.db import online
from helium.db.migrate import current, head, migrate
from helium.db.online import MigrationFailed, build, fill
from helium.db.phases import Backfill, Index
from helium.db.revisions import Migrations
from helium.kit.clock import SystemClock
from helium.kit.ids import new_id
from tests.support.databases import database_like, database_of, with_database
from tests.support.processes import until
from tests.support.servers import pgbouncer

FILL = Backfill(table="thread", key="id", missing="title = ''", change="title = 'untitled'", rows=10)
WAITING = (
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)


@pytest.fixture(autouse=True)
def migrations_may_block(loop_guard: BlockBuster) -> None:
    """Migrations are read from files, in a process that does nothing else then."""
    for function in loop_guard.functions.values():
        function.can_block_in("helium/db/revisions.py", {"all", "_revision", "config", "module"})
        function.can_block_in("helium/db/migrate.py", "upgrade")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Migrations:
    """The next release: six migrations more, of all phases."""
    return next_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    with database_like(postgres_url, "template1") as url:
        yield url


@pytest.fixture
def pooled_url(postgres_url: str, database_url: str) -> Iterator[str]:
    with pgbouncer(postgres_url) as bouncer:
        yield with_database(bouncer, database_of(database_url))


@pytest.fixture
async def link(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody else's."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close(timeout=5)


async def threads(link: asyncpg.Connection, number: int) -> None:
    workspace = new_id()
    await link.execute("insert into workspace (id, name) values ($1, 'test')", workspace)
    rows = [(new_id(), workspace) for _ in range(number)]
    await link.executemany("insert into thread (id, workspace_id) values ($1, $2)", rows)


async def described(url: str) -> list[Any]:
    """Columns, indexes and constraints, all of them."""
    connection = await asyncpg.connect(url)
    try:
        columns = """select table_name::text, column_name::text, is_nullable::text, column_default::text
            from information_schema.columns where table_schema = 'public' order by 1, 2"""
        indexes = "select indexdef from pg_indexes where schemaname = 'public' order by 1"
        constraints = """select conname::text, pg_get_constraintdef(oid), convalidated from pg_constraint
            where connamespace = 'public'::regnamespace and contype <> 'n' order by 1"""
        return [
            [tuple(row) for row in await connection.fetch(sql)] for sql in (columns, indexes, constraints)
        ]
    finally:
        await connection.close()


async def test_expand_and_backfill_come_before_a_rollout_and_enforce_after_it(
    database_url: str, release: Migrations
) -> None:
    said: list[str] = []

    stopped_at = [
        (await migrate(database_url, "expand", migrations=release), await current(database_url)),
        (await migrate(database_url, "backfill", migrations=release), await current(database_url)),
        (await migrate(database_url, "backfill", migrations=release), await current(database_url)),
        (await migrate(database_url, tell=said.append, migrations=release), await current(database_url)),
    ]

    assert stopped_at == [(True, "9002"), (True, "9003"), (False, "9003"), (True, "9006")]
    assert release.required == "9003"
    assert [line.split(" done")[0] for line in said] == [
        "9004 (enforce):",
        "9005 (enforce):",
        "9006 (enforce):",
    ]


async def test_three_at_once_through_a_pooler_migrate_a_database_in_use_once(
    pooled_url: str, release: Migrations
) -> None:
    said: list[str] = []

    done = await asyncio.gather(
        *(migrate(pooled_url, tell=said.append, migrations=release) for _ in range(3))
    )

    assert (any(done), await current(pooled_url)) == (True, "9006")
    assert [line[:4] for line in said] == ["9001", "9002", "9003", "9004", "9005", "9006"]


async def test_step_by_step_and_all_at_once_make_the_same_schema(
    database_url: str, empty_url: str, release: Migrations
) -> None:
    await migrate(database_url, migrations=release)
    await migrate(empty_url, migrations=release)

    assert await described(database_url) == await described(empty_url)


async def test_an_older_release_leaves_a_newer_schema_alone(database_url: str, release: Migrations) -> None:
    await migrate(database_url, migrations=release)

    assert (await migrate(database_url), await current(database_url)) == (False, "9006")


async def test_a_release_left_out_is_said_and_nothing_is_done(
    database_url: str, tmp_path: Path, release: Migrations
) -> None:
    later = next_release(tmp_path)
    name = later.folder / "9007_later.py"
    name.write_text(
        'from alembic import op\nrevision = "9007"\ndown_revision = "9006"\nphase = "expand"\n'
        "def upgrade(): op.execute('create table later (id int)')\n"
    )
    await migrate(database_url, "backfill", migrations=release)

    with pytest.raises(MigrationFailed, match=r"9004 \(enforce\) of an earlier release comes before 9007"):
        await migrate(database_url, "backfill", migrations=later)

    assert await current(database_url) == "9003"


async def test_a_migration_gives_way_to_who_holds_the_table_and_comes_back(
    database_url: str, link: asyncpg.Connection, release: Migrations
) -> None:
    reader, said = await asyncpg.connect(database_url), list[str]()
    holding = link.transaction()
    await holding.start()
    await link.execute("select count(*) from run")  # an old transaction: it only reads
    migrating = asyncio.create_task(migrate(database_url, "expand", tell=said.append, migrations=release))

    async def stands_in_line() -> bool:
        return bool(await reader.fetchval(WAITING))

    await until(stands_in_line, "the migration asks for its lock")
    began = SystemClock().monotonic()
    await reader.fetchval("select count(*) from run", timeout=10)
    waited = SystemClock().monotonic() - began
    await until(stands_in_line, "the migration asks again")
    await holding.rollback()
    await migrating
    await reader.close()

    assert waited < online.LOCK_TIMEOUT_MS / 1000 + 0.5
    assert "tries" in said[0]
    assert await current(database_url) == "9002"


async def test_a_migration_that_never_gets_its_lock_says_so(
    database_url: str, link: asyncpg.Connection, release: Migrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("helium.db.online", "helium.db.migrate"):
        monkeypatch.setattr(f"{name}.TRIES", 2)

    async with link.transaction():
        await link.execute("select count(*) from run")
        with pytest.raises(MigrationFailed, match=r"9001 \(expand\): others held its tables in all of 2"):
            await migrate(database_url, "expand", migrations=release)

    assert await current(database_url) == head()


async def test_a_statement_that_takes_too_long_is_ended(database_url: str, tmp_path: Path) -> None:
    slow = next_release(tmp_path)
    first = slow.folder / "9001_priority.py"
    first.write_text(
        first.read_text().replace("alter table run add column priority smallint", "select pg_sleep(30)")
    )
    first.write_text(
        first.read_text().replace('phase = "expand"', 'phase = "expand"\nstatement_seconds = 0.2')
    )

    with pytest.raises(MigrationFailed, match=r"9001 \(expand\): a statement took longer than 0.2 s"):
        await migrate(database_url, "expand", migrations=slow)


async def test_an_index_whose_building_was_broken_off_is_built_again(link: asyncpg.Connection) -> None:
    index = Index("thread_title", "thread (title)", unique=True)
    await threads(link, 2)
    with pytest.raises(MigrationFailed, match="some rows are equal"):
        await build(link, index, SystemClock())
    left = await link.fetchval(online.INVALID, index.name)
    await link.execute("update thread set title = id::text")

    await build(link, index, SystemClock())
    await build(link, index, SystemClock())

    assert (left, await link.fetchval(online.INVALID, index.name)) == (True, False)


async def test_writers_go_on_while_an_index_is_built(database_url: str, link: asyncpg.Connection) -> None:
    writer = await asyncpg.connect(database_url)
    await threads(link, 3)
    holding = writer.transaction()
    await holding.start()
    await writer.execute("update thread set title = 'held'")
    building = asyncio.create_task(build(link, Index("thread_title", "thread (title)"), SystemClock()))
    other = await asyncpg.connect(database_url)

    async def waits() -> bool:
        return bool(await other.fetchval(WAITING))

    await until(waits, "the index waits for the old transaction")
    await threads(other, 1)
    await holding.commit()
    await building
    await asyncio.gather(writer.close(), other.close())

    assert await link.fetchval(online.INVALID, "thread_title") is False


async def test_a_backfill_that_was_broken_off_goes_on_where_it_was(link: asyncpg.Connection) -> None:
    await threads(link, 95)

    def break_off(said: str) -> None:
        if "30 rows" in said:
            raise KeyError(said)

    with pytest.raises(KeyError):
        await fill(link, FILL, SystemClock(), break_off)
    done = await link.fetchval("select count(*) from thread where title = 'untitled'")

    assert (done, await fill(link, FILL, SystemClock(), print)) == (30, 65)
    assert await link.fetchval("select count(*) from thread where title = ''") == 0


async def test_a_backfill_waits_for_nobody_and_forgets_no_row(
    database_url: str, link: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "PAUSE_SECONDS", (0.05, 0.05))
    await threads(link, 40)
    writer, seen = await asyncpg.connect(database_url), list[str]()
    holding = writer.transaction()
    await holding.start()
    await writer.execute(
        "update thread set metadata = '1' where id = (select id from thread order by id limit 1)"
    )
    filling = asyncio.create_task(fill(link, FILL, SystemClock(), seen.append))
    await until(lambda: any("39 rows" in said for said in seen), "all others are filled")

    await holding.commit()

    assert await filling == 40
    await writer.close()
    assert await link.fetchval("select count(*) from thread where title = ''") == 0
