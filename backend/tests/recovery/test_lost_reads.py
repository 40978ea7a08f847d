"""A connection ends around a statement: a read is asked again, what writes never is."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from helium.db.database import LOST, READ_TRIES, Database, open_database
from tests.support.proxy import Cut, PostgresProxy, postgres_proxy

WRITE = """
with written as (insert into workspace (id, name) values ($1, 'new') returning id) select id from written
"""
END_ALL = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with postgres_proxy(database_url) as made:
        yield made


@pytest.fixture
async def database(proxy: PostgresProxy) -> AsyncIterator[Database]:
    async with open_database(proxy.url, pool_size=4, pooler=False) as opened:
        yield opened


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_read_is_asked_again(database: Database, proxy: PostgresProxy, cut: Cut) -> None:
    plan = proxy.cut("select 42", cut, times=READ_TRIES - 1)
    row = await database.fetchrow("\n  select 42 as answer")
    assert row is not None
    assert (row["answer"], plan.done) == (42, READ_TRIES - 1)


async def test_a_read_is_not_asked_for_ever(database: Database, proxy: PostgresProxy) -> None:
    plan = proxy.cut("select 42", "before", times=100)
    with pytest.raises(LOST):
        await database.fetch("select 42")
    assert plan.done == READ_TRIES


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_guard_what_writes_is_asked_once(database: Database, proxy: PostgresProxy, cut: Cut) -> None:
    plan = proxy.cut("insert into workspace", cut)
    with pytest.raises(LOST):
        await database.fetch(WRITE, "018f0000-0000-7000-8000-000000000001")
    assert plan.done == 1
    assert await database.fetch("select 1 from workspace") == ([] if cut == "before" else [(1,)])


async def test_all_connections_of_a_pool_may_end_at_once(
    database: Database, proxy: PostgresProxy, database_url: str
) -> None:
    other = await asyncpg.connect(database_url)
    try:
        assert await other.fetch(END_ALL) != []
    finally:
        await other.close()
    assert await database.fetch("select 1") == [(1,)]
