"""Databases made and dropped by statement, for tests that are not in the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

T = TypeVar("T")


def with_database(url: str, name: str) -> str:
    """The same server's database `name`."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def database_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


@contextmanager
def database_like(server_url: str, template: str) -> Generator[str]:
    """A copy of a template database; its URL."""
    name = f"helium_test_{uuid4().hex[:12]}"
    statement(server_url, f"create database {name} template {template}")
    try:
        yield with_database(server_url, name)
    finally:
        statement(server_url, f"drop database {name} with (force)")


def statement(url: str, sql: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    outside_the_loop(execute)


def outside_the_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` in a loop of its own, on a thread of its own."""

    async def run() -> T:
        return await work()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(run())).result()
