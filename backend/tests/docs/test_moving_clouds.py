"""The page about moving between clouds: its statements, as they stand there, between two real servers."""

import asyncio
import re
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from helium.adapters.embedded_postgres import EmbeddedPostgres, cluster
from helium.db.migrate import migrate
from tests.support.processes import forge, until
from tests.support.scene import Scene, scene

PAGE = (Path(__file__).resolve().parents[3] / "docs/operations/moving-clouds.md").read_text()
COMMAND = re.compile(r'(?:(\w+)="\$\()?psql "\$(\w+)" -(?:At)?c "(.+?)"(?= |\)|$)', re.MULTILINE)
COMPLETED = "select count(*) from run where status = 'completed'"


@pytest.fixture(scope="module")
def two_servers() -> Iterator[tuple[str, str]]:
    """The URLs of an old and a new database, each on a server of its own, as a provider runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"wal_level": "logical", "max_wal_senders": "4"}.items():
            patch.setitem(cluster._OPTIONS, name, value)  # pyright: ignore[reportPrivateUsage]
        yield from _started()


def _started() -> Iterator[tuple[str, str]]:
    servers = [EmbeddedPostgres(Path(tempfile.mkdtemp(prefix="helium-test-"))) for _ in range(2)]
    try:
        for each in servers:
            each.path.parent.chmod(0o755)
        old, new = (each.start() for each in servers)
        asyncio.run(migrate(old))
        asyncio.run(migrate(new))
        yield old, new
    finally:
        for each in servers:
            each.reset(force=True)


class Psql:
    """What stands in `psql` commands and statements of the page, for these two databases."""

    def __init__(self, old: asyncpg.Connection, new: asyncpg.Connection, urls: tuple[str, str]) -> None:
        self._to = {"OLD_DIRECT_URL": old, "NEW_URL": new}
        self._other: dict[str, str] = {"NEW_URL": urls[0], "OLD_DIRECT_URL": urls[1]}

    async def block(self, text: str, **known: str) -> dict[str, str]:
        """Say a block's commands in order; the variables that it sets, and what came last as `said`."""
        for name, url, sql in COMMAND.findall(text):
            said = await self.say(url, sql, **known)
            # asyncpg makes a number of a place in the log.
            known["said"] = f"{said >> 32:X}/{said & 0xFFFFFFFF:X}" if name == "END" else str(said)
            known |= {name: known["said"]} if name else {}
        return known

    async def say(self, url: str, sql: str, **known: str) -> Any:
        place = parse_qs(urlsplit(self._other[url]).query)["host"][0]
        words = {"'…'": f"'host={place} user=helium dbname=helium'", "database postgres": "database helium"}
        for old, new in {**words, **{f"${name}": value for name, value in known.items()}}.items():
            sql = sql.replace(old, new)
        # All rows: a statement that acts on each of them must reach it.
        rows = await self._to[url].fetch(sql)
        return rows[0][0] if rows else None


@asynccontextmanager
async def connected(urls: tuple[str, str]) -> AsyncGenerator[tuple[asyncpg.Connection, asyncpg.Connection]]:
    old, new = [await asyncpg.connect(url) for url in urls]
    try:
        yield old, new
    finally:
        await old.close(timeout=2)
        await new.close(timeout=2)


@pytest.mark.postgres
@pytest.mark.process
async def test_the_statements_of_a_move_lose_no_run_and_reads_go_on(
    two_servers: tuple[str, str], tmp_path: Path
) -> None:
    [before, window, back], [read_only, writable] = blocks("sh", "## B: replication"), blocks("sql")
    first, caught_up, *then = window.splitlines()
    with forge() as made:
        async with connected(two_servers) as (old, new):
            psql = Psql(old, new, two_servers)
            async with scene(made, _folder(tmp_path, "old"), two_servers[0]) as stage:
                await stage.fleet.worker()
                await stage.whole([await stage.start(f"calculate {n} * 7") for n in range(20)])
                slow = await stage.start("count from 1 to 30 slowly")
                await stage.events(slow, 5)
                known = await psql.block(before)
                await until(lambda: said(psql, before.splitlines()[-1], "0"), "all is copied")
                for statement in read_only.split(";"):
                    await psql.say("OLD_DIRECT_URL", statement)
                await until(lambda: answers(stage, f"/v1/runs/{slow}"), "reads go on")
                refused = await stage.http.post("/v1/runs", json={"input": "calculate 1 * 7"})
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
                await stage.reconnect()
            known |= await psql.block(first)
            await until(lambda: said(psql, caught_up, "True", **known), "the new side has it all")
            await psql.block("\n".join(then))
            await the_way_out(two_servers[0], writable)
            await psql.block(back, **known)
            async with scene(made, _folder(tmp_path, "new"), two_servers[1]) as stage:
                await stage.fleet.worker()
                await stage.status(slow, "completed")
                assert await new.fetchval(COMPLETED) == 21
                await stage.consistent()
            await until(lambda: _is(old.fetchval(COMPLETED), 21), "the old side follows")
            await old.execute("drop subscription helium_back")


def _folder(within: Path, name: str) -> Path:
    (within / name).mkdir()
    return within / name


async def said(psql: Psql, command: str, wanted: str, **known: str) -> bool:
    return (await psql.block(command, **known))["said"] == wanted


async def _is(found: Awaitable[object], wanted: object) -> bool:
    return await found == wanted


async def answers(stage: Scene, path: str) -> bool:
    return (await stage.http.get(path)).status_code == 200


async def the_way_out(url: str, statements: str) -> None:
    """In a session that begins now, as a person's does."""
    connection = await asyncpg.connect(url)
    for statement in statements.split(";\n"):
        await connection.execute(statement.replace("database postgres", "database helium"))
    await connection.close()


def blocks(language: str, below: str = "# ") -> list[str]:
    """Those of the part that begins with this heading."""
    part = PAGE[PAGE.index(below) :].split("\n## C: ")[0]
    return [found.strip().rstrip(";") for found in re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)]


async def test_what_the_page_says_of_tables_and_sequences_is_so(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    without = await connection.fetch(
        "select relname from pg_class c where relkind = 'r' and relnamespace = 'public'::regnamespace"
        " and not exists (select from pg_index where indrelid = c.oid and indisprimary)"
    )
    sequences = await connection.fetch("select sequencename from pg_sequences")
    await connection.close()

    assert without == []
    assert [f"setval('{row['sequencename']}'" in PAGE for row in sequences] == [True]
