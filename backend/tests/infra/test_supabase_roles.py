"""What Helium keeps on Supabase is Helium's alone: the statements are executed, and then it is looked."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from helium.db.migrate import migrate
from tests.support.databases import outside_the_loop, statement, with_database

SQL = Path(__file__).resolve().parents[3] / "infra/modules/common/connections/supabase.sql"
# As a new project is: whoever has its public key sees every table that its own role makes.
PROJECT = """
create role anon; create role authenticated;
grant usage on schema public to anon, authenticated;
alter default privileges in schema public grant all on tables to anon, authenticated;
create table before (id int);
"""
# The server of the tests has a superuser of the name that the statements give.
ROLE = "kept_apart"
POWERS = "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = $1"
OWNERS = "select distinct tableowner from pg_tables where schemaname = 'public' and tablename <> 'before'"
READABLE = "select has_schema_privilege($1, 'public', 'usage') and has_table_privilege($1, $2, 'select')"


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))


async def rights(url: str, table: str) -> list[bool]:
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(READABLE, role, table) for role in ("anon", "authenticated")]
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def project(postgres_url: str) -> Iterator[str]:
    """A database like a project of Supabase's, prepared and migrated; its roles go with it."""
    name = f"helium_test_{uuid4().hex[:12]}"
    statement(postgres_url, f"create database {name}")
    url = with_database(postgres_url, name)
    try:
        statement(url, PROJECT)
        assert outside_the_loop(lambda: rights(url, "before")) == [True, True]
        for _ in range(2):  # it may be executed again
            statement(url, SQL.read_text().replace("helium", ROLE))
        assert outside_the_loop(lambda: migrate(as_role(url, ROLE)))
        yield url
    finally:
        statement(postgres_url, f"drop database {name} with (force)")
        statement(postgres_url, f"drop role if exists {ROLE}, anon, authenticated")


@pytest.mark.parametrize("table", ["before", "run", "event", "api_key"])
def test_the_public_key_lets_nobody_see_what_helium_keeps(project: str, table: str) -> None:
    assert outside_the_loop(lambda: rights(project, table)) == [False, False]


def test_heliums_role_owns_its_tables_and_is_no_more_than_that(project: str) -> None:
    async def look() -> tuple[list[bool], list[str]]:
        connection = await asyncpg.connect(project)
        try:
            role = await connection.fetchrow(POWERS, ROLE)
            owners = await connection.fetch(OWNERS)
            return list((role or {}).values()), [each["tableowner"] for each in owners]
        finally:
            await connection.close()

    assert outside_the_loop(look) == ([False] * 4, [ROLE])
