"""An installation with something to lose, and a place for its backups."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from helium.adapters.blobs import ObjectBlobs, open_blobs
from helium.backup import Keyring
from helium.db.database import Database, open_database
from tests.backup.installation import Installation
from tests.support.databases import database_like, statement, with_database


@pytest.fixture(autouse=True)
def migrations_may_block(loop_guard: BlockBuster) -> None:
    """Alembic reads its scripts on the loop, in a process that does nothing else then."""
    for function in loop_guard.functions.values():
        function.can_block_in("helium/backup/schema.py", "run")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, pool_size=4, pooler=False) as opened:
        yield opened


@pytest.fixture
def keyring() -> Keyring:
    return Keyring((b"k" * 32,))


@pytest.fixture
def place() -> ObjectBlobs:
    return open_blobs("memory:///")


@pytest.fixture
def here(database_url: str, database: Database, place: ObjectBlobs, keyring: Keyring) -> Installation:
    return Installation(database_url, database, open_blobs("memory:///"), place, keyring)


@pytest.fixture
def blank_url(postgres_url: str, tmp_path: Path) -> Iterator[str]:
    """A database without anything, not even a schema."""
    name = f"helium_test_blank_{tmp_path.stat().st_ino}"
    statement(postgres_url, f"create database {name}")
    yield with_database(postgres_url, name)
    statement(postgres_url, f"drop database {name} with (force)")


@pytest.fixture
def migrated(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A database with this release's schema, and no rows."""
    with database_like(postgres_url, migrated_template) as url:
        yield url
