"""What the runbooks say to look at is run, as it stands there, on a real small installation."""

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from helium.core.events import RunFailed
from helium.db.database import Database, open_database
from helium.db.run_store import PostgresRunStore
from helium.kit.ids import new_id, to_wire
from helium.ports import ClaimedRun, Close
from tests.monitoring.pages import RUNBOOKS, blocks
from tests.monitoring.test_end_to_end import Installation, installation
from tests.support.factories import a_write, an_action, new_run, park
from tests.support.processes import Forge, forge, free_port, until
from tests.support.servers import require

pytestmark = [pytest.mark.postgres, pytest.mark.process, pytest.mark.timeout(400)]

PSQL = Path("/usr/bin/psql")
PAGES = sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem != "README")
# What may say with 1 that something is wrong, in an installation without a worker.
JUDGES = ("helium status", "helium doctor")


@pytest.fixture(scope="module")
def helium_forge() -> Generator[Forge]:
    with forge() as made:
        yield made


def lines(page: str, language: str) -> list[str]:
    text = "\n".join(blocks(RUNBOOKS / f"{page}.md", language))
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def statements(page: str) -> list[str]:
    return blocks(RUNBOOKS / f"{page}.md", "sql")


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who was called, and does what the page says."""

    it: Installation

    async def shell(self, page: str) -> str:
        """Every line of the page's shell; what they say. None may fail."""
        return "".join([await self.one(line) for line in lines(page, "sh")])

    async def one(self, line: str) -> str:
        code, said = await asyncio.to_thread(self.it.run, line)
        assert code == 0 or (code == 1 and line.startswith(JUDGES)), f"{line}: {code}\n{said}"
        return said

    async def sql(self, page: str) -> str:
        """Every statement of the page, by psql as the README says; what it answers."""
        require(PSQL)
        said = ""
        for statement in statements(page):
            said += await self.one(
                f'psql -v ON_ERROR_STOP=1 "$HELIUM_DATABASE_URL" -c {shlex.quote(statement)}'
            )
        return said

    async def promql(self, page: str) -> list[tuple[str, list[Any]]]:
        """Every query of the page, and its result in Prometheus."""
        async with httpx.AsyncClient(base_url=self.it.shell["PROMETHEUS_URL"]) as http:
            return [(query, await self._ask(http, query)) for query in lines(page, "promql")]

    async def _ask(self, http: httpx.AsyncClient, query: str) -> list[Any]:
        answer = (await http.get("/api/v1/query", params={"query": query})).json()
        assert answer["status"] == "success", (query, answer)
        return answer["data"]["result"]

    async def shown(self, page: str, query: str, labels: Mapping[str, str]) -> None:
        """Wait until this query of the page, which stands there, shows more than 0 with these labels."""
        assert query in lines(page, "promql")

        async def is_there() -> bool:
            (found,) = [result for line, result in await self.promql(page) if line == query]
            values = [float(r["value"][1]) for r in found if labels.items() <= r["metric"].items()]
            return any(value > 0 for value in values)

        await until(is_there, f"{page}: {query} shows it", 20)


async def owner(it: Installation, database: Database) -> UUID:
    """The workspace whose runs `helium runs` shows."""
    await asyncio.to_thread(it.run, "helium token")
    row = await database.fetchrow("select workspace_id from api_key order by id limit 1")
    assert row is not None
    return row["workspace_id"]


async def claimed(database: Database, workspace_id: UUID, worker_id: UUID) -> ClaimedRun:
    store = PostgresRunStore(database)
    run = new_run(workspace_id)
    await store.start([run])
    await store.renew(worker_id, 600)
    (found,) = await store.claim(worker_id, 1)
    return found


async def in_doubt(database: Database, workspace_id: UUID) -> ClaimedRun:
    run = await claimed(database, workspace_id, new_id())
    await PostgresRunStore(database).commit([park(run, an_action(run, kind="in_doubt"))])
    return run


async def failed(database: Database, workspace_id: UUID, code: str) -> ClaimedRun:
    run = await claimed(database, workspace_id, new_id())
    close = Close(status="failed", error_code=code, error_message="No.")
    await PostgresRunStore(database).commit(
        [a_write(run, RunFailed(code=code, message="No."), close=close)]
    )
    return run


async def poisoned(database: Database, workspace_id: UUID) -> ClaimedRun:
    return await failed(database, workspace_id, "poison")


async def mismatched(database: Database, workspace_id: UUID) -> ClaimedRun:
    return await failed(database, workspace_id, "step_mismatch")


async def silent(database: Database, workspace_id: UUID) -> ClaimedRun:
    return await claimed(database, workspace_id, new_id())


async def abandoned(database: Database, workspace_id: UUID) -> ClaimedRun:
    run = await claimed(database, workspace_id, new_id())
    await database.execute("update worker set lease_expires_at = now() - interval '10 minutes'")
    return run


async def overdue(database: Database, workspace_id: UUID) -> ClaimedRun:
    run = await claimed(database, workspace_id, new_id())
    await database.execute(
        "update run set status = 'queued', worker_id = null, due_at = now() - interval '5 minutes'"
    )
    return run


Break = Callable[[Database, UUID], Awaitable[ClaimedRun]]
IN_DOUBT = "max by (kind) (helium_actions_waiting)"
REASONS = 'max by (reason) (rate(helium_run_endings_total{status="failed"}[5m]))'
# The page, what is broken, whether its shell and its statements name the run, and a query that shows it.
BROKEN: dict[str, tuple[Break, bool, bool, str, dict[str, str]]] = {
    "InDoubtEffects": (in_doubt, True, True, IN_DOUBT, {"kind": "in_doubt"}),
    "InDoubtEffectsWaiting": (in_doubt, True, True, IN_DOUBT, {"kind": "in_doubt"}),
    "DeadLetters": (poisoned, True, True, "", {}),
    "HighErrorRate": (mismatched, True, False, REASONS, {"reason": "step_mismatch"}),
    "StuckRuns": (silent, False, True, "", {}),
    "AbandonedRuns": (abandoned, True, False, "", {}),
    "QueueAge": (overdue, True, False, "max by (state) (helium_queue_runs)", {"state": "due"}),
}


@pytest.mark.parametrize("page", BROKEN)
async def test_an_important_page_shows_what_is_broken(
    page: str, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    make, by_shell, by_sql, query, labels = BROKEN[page]
    async with (
        installation(helium_forge, tmp_path, database_url) as it,
        open_database(database_url, pool_size=1, pooler=False) as database,
    ):
        operator = Operator(it)
        if query:
            await operator.promql(page)  # before, so that a rate has something to begin with
        run_id = (await make(database, await owner(it, database))).lease.run_id
        told, answered = await operator.shell(page), await operator.sql(page)
        if query:
            await operator.shown(page, query, labels)
        debugged = await operator.one(f"helium debug {to_wire('run', run_id)}")

    assert (to_wire("run", run_id) in re.sub(r"\s", "", told)) == by_shell, told
    assert (str(run_id) in answered) == by_sql, answered
    assert "(1 row)" in answered or not statements(page)
    assert to_wire("run", run_id) in debugged


async def test_every_page_works_as_written_where_all_is_well(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    """All pages at once: each different line of a shell once, each statement, each query."""
    commands = list(dict.fromkeys(line for page in PAGES for line in lines(page, "sh")))
    async with installation(helium_forge, tmp_path, database_url) as it:
        await it.fleet.worker()
        operator = Operator(it)
        await operator.one("helium token")
        await operator.one('helium run "what is 17 * 3?"')
        outcomes = {line: await asyncio.to_thread(it.run, line) for line in commands}
        answers = [await operator.sql(page) for page in PAGES]
        queries = [query for page in PAGES for query in await operator.promql(page)]

    assert {line: (code, said) for line, (code, said) in outcomes.items() if code != 0} == {}
    assert len(commands) >= 10
    assert sum(bool(answer) for answer in answers) >= 6
    assert len(queries) > len(PAGES)
    shown = {query for query, result in queries if result}
    assert shown >= {"max(helium_workers)", "sum by (instance) (helium_viewers)", IN_DOUBT, REASONS}


async def test_a_redis_that_is_away_is_named_by_the_first_command_of_its_page(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with installation(helium_forge, tmp_path, database_url) as it:
        shell = {**it.shell, "HELIUM_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
        away = Installation(it.fleet, it.proxy, it.someone, shell)
        code, said = await asyncio.to_thread(away.run, lines("RedisDown", "sh")[0])
        await Operator(away).promql("RedisDown")

    assert (lines("RedisDown", "sh")[0], code) == ("helium doctor", 0)
    assert re.search(r"Redis\s+It does not answer", said)
