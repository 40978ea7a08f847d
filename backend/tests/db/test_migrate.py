"""Migrations: through a transaction-mode pooler, and by several processes at once."""

import asyncio
from collections.abc import Iterator

import pytest

from helium.db.migrate import current, head, migrate
from tests.support.databases import database_like, database_of, outside_the_loop, with_database
from tests.support.servers import pgbouncer


@pytest.fixture(scope="module")
def empty_url(postgres_url: str) -> Iterator[str]:
    with database_like(postgres_url, "template1") as url:
        yield url


@pytest.fixture(scope="module")
def pooled_url(postgres_url: str, empty_url: str) -> Iterator[str]:
    with pgbouncer(postgres_url) as url:
        yield with_database(url, database_of(empty_url))


@pytest.fixture(scope="module")
def outcome(pooled_url: str) -> tuple[str | None, list[bool], str | None]:
    """The revision before, what three migrations at once and then one more did, and the revision after."""

    async def thrice() -> tuple[str | None, list[bool], str | None]:
        before = await current(pooled_url)
        done = await asyncio.gather(*(migrate(pooled_url) for _ in range(3)))
        done.append(await migrate(pooled_url))
        return before, list(done), await current(pooled_url)

    return outside_the_loop(thrice)


def test_three_at_once_through_a_pooler_bring_the_schema_there(
    outcome: tuple[str | None, list[bool], str | None],
) -> None:
    before, done, after = outcome

    assert (before, any(done[:3]), done[3], after) == (None, True, False, head())
