"""The connection to the database is cut around a commit: nobody knows whether it landed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.processes import Forge, until
from tests.support.proxy import Cut, PostgresProxy, postgres_proxy
from tests.support.scene import Scene, said, scene

APPEND = "append to log.txt: the line"
STATEMENTS = {
    "claim": "update run set\n        status = 'in_progress'",
    "deltas": "update run set next_seq = run.next_seq + w.n",
    "a step": "attempts_without_progress = case when w.progress",
    "a transaction": "COMMIT;",
}


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with postgres_proxy(database_url) as made:
        yield made


@pytest.fixture
async def stage(helium_forge: Forge, tmp_path: Path, database_url: str) -> AsyncIterator[Scene]:
    async with scene(helium_forge, tmp_path, database_url) as made:
        yield made


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("name", ["deltas", "a step", "a transaction"])
async def test_a_cut_around_a_commit_loses_and_repeats_nothing(
    name: str, cut: Cut, stage: Scene, proxy: PostgresProxy
) -> None:
    worker = await stage.fleet.worker(HELIUM_DATABASE_URL=proxy.url)
    plan = proxy.cut(STATEMENTS[name], cut)
    first = await stage.start(APPEND)
    second = await stage.start("count from 1 to 25")

    runs = await stage.whole([first, second])

    assert plan.done == 1
    assert worker.exit_code is None
    assert [run["status"] for run in runs] == ["completed", "completed"]
    assert said(runs[0]) == "Added 9 bytes to log.txt."
    assert said(runs[1]) == " ".join(map(str, range(1, 26)))
    assert await stage.file(first, "log.txt") == "the line\n"
    await stage.consistent()


async def test_every_commit_is_ambiguous_for_a_while(stage: Scene, proxy: PostgresProxy) -> None:
    await stage.fleet.worker(HELIUM_DATABASE_URL=proxy.url)
    for words in (STATEMENTS["deltas"], STATEMENTS["a step"], STATEMENTS["a transaction"]):
        proxy.cut(words, "after", times=4)
        proxy.cut(words, "before", times=4)
    runs = [await stage.start(APPEND) for _ in range(5)]

    ended = await stage.whole(runs)

    assert [(run["status"], said(run)) for run in ended] == [
        ("completed", "Added 9 bytes to log.txt.")
    ] * len(runs)
    assert [await stage.file(run_id, "log.txt") for run_id in runs] == ["the line\n"] * len(runs)
    assert sum(plan.done for plan in proxy.cuts) >= 12
    await stage.consistent()


@pytest.mark.parametrize(("cut", "attempts"), [("before", 1), ("after", 2)])
async def test_a_claim_whose_answer_was_lost_is_given_back_by_its_living_worker(
    cut: Cut, attempts: int, stage: Scene, proxy: PostgresProxy
) -> None:
    # Before the worker starts: its first claim takes the run, and a claim that takes none is no test.
    run_id = await stage.start("calculate 6 * 7")
    plan = proxy.cut(STATEMENTS["claim"], cut)
    worker = await stage.fleet.worker(HELIUM_DATABASE_URL=proxy.url)

    run = await stage.finished(run_id)

    assert (run["status"], run["attempt"], plan.done) == ("completed", attempts, 1)
    assert worker.exit_code is None
    await stage.consistent()


async def test_a_claim_that_cannot_read_the_past_of_its_run_is_given_back(
    stage: Scene, proxy: PostgresProxy
) -> None:
    first = await stage.start("my name is Ann")
    await stage.fleet.worker(HELIUM_DATABASE_URL=proxy.url)
    thread = (await stage.finished(first))["thread_id"]
    plan = proxy.cut("with recursive chain", "before")

    second = await stage.start("what is my name", thread_id=thread)

    run = await stage.finished(second)
    assert (run["status"], said(run), plan.done) == ("completed", "Your name is Ann.", 1)
    await stage.consistent()


async def test_a_start_whose_answer_was_lost_is_started_once_by_its_key(
    helium_forge: Forge, tmp_path: Path, database_url: str, proxy: PostgresProxy
) -> None:
    async with scene(helium_forge, tmp_path, database_url) as stage:
        distant = stage.fleet.api(HELIUM_DATABASE_URL=proxy.url)
        await until(distant.ready, "the API behind the proxy answers")
        plan = proxy.cut("insert into thread (id, workspace_id", "after")
        url, headers = f"{distant.address}/v1/runs", {"Idempotency-Key": "once"}

        lost = await stage.http.post(url, json={"input": "hello"}, headers=headers)
        again = await stage.http.post(url, json={"input": "hello"}, headers=headers)

        assert (lost.status_code, again.status_code, plan.done) == (503, 202, 1)
        assert await stage.connection.fetchval("select count(*) from run") == 1
