"""Races in one process with a real database: bells, cancels, two workers on one run."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from helium.bootstrap import Helium, open_helium
from helium.db.checker import check_invariants
from helium.kit.ids import new_id
from helium.settings import Settings, WorkerSettings
from tests.support.processes import hold
from tests.support.scene import new_token, said

FINAL = ("completed", "cancelled")


@pytest.fixture
async def helium(database_url: str, tmp_path: Path) -> AsyncIterator[Helium]:
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url))
    async with open_helium(settings, database_url, "all") as running:
        yield running


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(database_url)
    yield made
    await made.close()


@pytest.fixture
async def http(helium: Helium, connection: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {await new_token(connection)}"}
    transport = httpx.ASGITransport(helium.app)  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(
        transport=transport, base_url="http://helium", headers=headers, timeout=60
    ) as made:
        yield made


async def start(http: httpx.AsyncClient, text: str) -> str:
    answer = await http.post("/v1/runs", json={"input": text})
    assert answer.status_code == 202
    return str(answer.json()["id"])


async def ended(http: httpx.AsyncClient, run_ids: Sequence[str]) -> list[dict[str, object]]:
    await asyncio.gather(*(http.get(f"/v1/runs/{run_id}/events") for run_id in run_ids))
    return [(await http.get(f"/v1/runs/{run_id}")).json() for run_id in run_ids]


async def test_of_a_cancel_and_a_completion_exactly_one_wins(
    http: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    seed = random.randrange(1_000_000)
    dice = random.Random(seed)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails

    async def race() -> tuple[str, int]:
        run_id = await start(http, "calculate 6 * 7")
        await hold(dice.uniform(0.0, 0.3))
        answer = await http.post(f"/v1/runs/{run_id}/cancel")
        return run_id, answer.status_code

    outcomes: list[tuple[str, int]] = []
    for _ in range(10):
        outcomes.extend(await asyncio.gather(*(race() for _ in range(20))))
    runs = await ended(http, [run_id for run_id, _ in outcomes])

    answers = {"cancelled": {202}, "completed": {202, 409}}
    for (_, code), run in zip(outcomes, runs, strict=True):
        assert code in answers[str(run["status"])], (code, run)
    assert {code for _, code in outcomes} == {202, 409}
    assert await check_invariants(connection) == []


async def test_a_bell_that_rings_ten_times_starts_a_run_once(
    helium: Helium, http: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    runs = [await start(http, "count to 20") for _ in range(20)]
    ids = [UUID(run_id.partition("_")[2]) for run_id in runs]
    bell = helium.product.platform.bell
    for _ in range(10):
        await asyncio.gather(*(bell.ring([run_id, run_id]) for run_id in ids))
        await bell.ring(ids, delay_seconds=0.01)

    found = await ended(http, runs)

    assert [(run["status"], run["attempt"]) for run in found] == [("completed", 1)] * 20
    assert await check_invariants(connection) == []


async def test_a_bell_that_rings_early_or_for_nothing_is_harmless(
    helium: Helium, http: httpx.AsyncClient
) -> None:
    bell = helium.product.platform.bell
    for _ in range(10):
        await bell.ring([new_id()])
    (run,) = await ended(http, [await start(http, "calculate 6 * 7")])
    assert (run["status"], said(run)) == ("completed", "6 * 7 = 42.")


async def test_runs_finish_although_every_bell_is_lost(
    database_url: str, tmp_path: Path, connection: asyncpg.Connection
) -> None:
    worker = WorkerSettings(poll_seconds=0.2, sweep_seconds=0.2)
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url), worker=worker)
    headers = {"Authorization": f"Bearer {await new_token(connection)}"}
    async with AsyncExitStack() as stack:
        # The bell of a process reaches its own worker only, so here nobody hears any.
        api = await stack.enter_async_context(open_helium(settings, database_url, "api"))
        for _ in range(3):
            await stack.enter_async_context(open_helium(settings, database_url, "worker"))
        transport = httpx.ASGITransport(api.app)  # pyright: ignore[reportArgumentType]
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://helium", headers=headers, timeout=60)
        )
        runs = [await start(http, "calculate 6 * 7") for _ in range(30)]
        found = await ended(http, runs)
    assert [(run["status"], run["attempt"]) for run in found] == [("completed", 1)] * 30
    assert await check_invariants(connection) == []
