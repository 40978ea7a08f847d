"""The stores that must keep the contract: the model, PostgreSQL, PostgreSQL behind PgBouncer, and 15."""

from collections.abc import AsyncIterator, Iterator

import pytest

from helium.db.database import open_database
from helium.db.migrate import migrate
from tests.support.databases import (
    database_like,
    database_of,
    outside_the_loop,
    statement,
    with_database,
)
from tests.support.servers import pgbouncer, postgres_15
from tests.support.sides import MemorySide, PostgresSide, Side

SIDES = [
    "memory",
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("pooler", marks=pytest.mark.postgres),
    pytest.param("postgres15", marks=pytest.mark.postgres),
]


@pytest.fixture(scope="session")
def pooler_url(postgres_url: str) -> Iterator[str]:
    with pgbouncer(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_15_url() -> Iterator[str]:
    """A migrated database on PostgreSQL 15."""
    with postgres_15() as server:
        statement(server, "create database helium")
        url = with_database(server, "helium")
        assert outside_the_loop(lambda: migrate(url))
        yield url


@pytest.fixture(scope="session", params=SIDES)
def side_url(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Which side, and the URL of its database. Servers are started for those who need them."""
    kind: str = request.param
    if kind == "memory":
        yield kind, ""
    elif kind == "postgres15":
        yield kind, request.getfixturevalue("postgres_15_url")
    else:
        template: str = request.getfixturevalue("migrated_template")
        with database_like(request.getfixturevalue("postgres_url"), template) as url:
            if kind == "pooler":
                url = with_database(request.getfixturevalue("pooler_url"), database_of(url))
            yield kind, url


@pytest.fixture
async def side(side_url: tuple[str, str]) -> AsyncIterator[Side]:
    """An empty store. At the end the checker must find nothing wrong with what the test left."""
    kind, url = side_url
    if kind == "memory":
        yield MemorySide()
        return
    async with open_database(url, pool_size=4, pooler=kind == "pooler") as database:
        postgres = PostgresSide(database)
        await postgres.clear()
        yield postgres
        assert await postgres.broken() == []
