"""A migrated database, emptied for each test, and a store over it."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from helium.db.database import Database, open_database
from tests.support.databases import database_like, statement
from tests.support.sides import PostgresSide


@pytest.fixture(scope="session")
def one_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    with database_like(postgres_url, migrated_template) as url:
        yield url


@pytest.fixture
def shared_url(one_url: str) -> str:
    """A database that other tests have used, and that is empty again. Its schema must be left alone."""
    for table in ("workspace", "worker", "event", "idempotency_key"):
        statement(one_url, f"delete from {table}")
    return one_url


@pytest.fixture
async def database(shared_url: str) -> AsyncIterator[Database]:
    async with open_database(shared_url, pool_size=6, pooler=False) as opened:
        yield opened


@pytest.fixture
def side(database: Database) -> PostgresSide:
    return PostgresSide(database)


@pytest.fixture
async def connection(shared_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the store's: somebody else, who may hold locks."""
    opened = await asyncpg.connect(shared_url)
    try:
        yield opened
    finally:
        await opened.close()
