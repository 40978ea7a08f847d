"""`helium status` over a real database: what it counts, what it calls wrong, and what it costs."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from rich.console import Console

from helium.cli import status_view
from helium.cli.status import Watch, problems_of, status
from helium.core.events import RunFailed, StepCompleted
from helium.db import overview
from helium.db.database import open_database
from helium.kit.clock import ManualClock
from helium.kit.ids import new_id, to_wire
from helium.ports import ClaimedRun, Close
from helium.settings import RedisSettings, Settings
from tests.support.factories import a_step, a_write, an_action, delta, finish, hand_over, new_run, park
from tests.support.redis_server import redis_url
from tests.support.sides import PostgresSide, claimed, lost, started

__all__ = ["redis_url"]
LEASE_SECONDS = 3.0
CANARY = "canary-91bd"


@pytest.fixture
async def side(database_url: str) -> AsyncIterator[PostgresSide]:
    async with open_database(database_url, pool_size=3, pooler=False) as database:
        yield PostgresSide(database)


@pytest.fixture
def settings(database_url: str, tmp_path: Path, unused_tcp_port: int) -> Settings:
    return Settings(database_url=SecretStr(database_url), home=tmp_path, port=unused_tcp_port)


Show = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def show(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Show:
    """The exit code of one look, and what it prints."""

    async def shown(*, as_json: bool = False, **changes: Any) -> tuple[int, str]:
        of = settings.model_copy(update=changes)
        code = await status(of, once=True, as_json=as_json, every_seconds=None)
        return code, capsys.readouterr().out

    return shown


async def look(side: PostgresSide, url: str) -> overview.Overview:
    async with overview.look(url) as connection:
        return await overview.read_overview(connection)


async def failed(side: PostgresSide, run: ClaimedRun, code: str) -> None:
    close = Close(status="failed", error_code=code, error_message=CANARY)
    await side.store.commit([a_write(run, RunFailed(code=code, message=CANARY), close=close)])


async def test_an_empty_installation_is_healthy(side: PostgresSide, show: Show) -> None:
    code, text = await show()

    assert (code, "✓ Healthy." in text) == (0, True)
    assert "0 due, 0 later, 0 held" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


async def test_runs_in_every_state_are_counted(side: PostgresSide, database_url: str) -> None:
    worker, going = new_id(), await started(side, title=CANARY)
    workspace = going.workspace_id
    await claimed(side, worker)
    await started(side, workspace_id=workspace)
    run = await claimed(side, worker)
    await side.store.commit([park(run, an_action(run, prompt=CANARY))])
    await started(side, workspace_id=workspace)
    await side.store.commit([hand_over(await claimed(side, worker), due_in_seconds=60.0)])
    await side.store.start([new_run(workspace, thread_id=going.thread_id, when_busy="enqueue")])
    await side.store.start([new_run(workspace), new_run(workspace)])
    other = await started(side)

    seen = await look(side, database_url)

    counts = [(row["due"], row["later"], row["held"]) for row in (seen.queue, *seen.busiest)]
    assert counts == [(3, 1, 1), (2, 1, 1), (1, 0, 0)]
    assert [row["workspace_id"] for row in seen.busiest] == [str(workspace), str(other.workspace_id)]
    assert (seen.running["runs"], seen.running["abandoned"]) == (1, 0)
    assert seen.running["oldest_run"] == to_wire("run", going.id)
    assert (seen.waiting["runs"], seen.waiting["oldest_run"]) == (1, to_wire("run", run.lease.run_id))
    assert [(row["id"], row["runs"]) for row in seen.workers] == [(str(worker), 1)]
    assert seen.alive == 1


async def test_what_ended_lately_is_counted_by_state_and_code_and_timed(
    side: PostgresSide, database_url: str
) -> None:
    for _ in range(3):
        await started(side)
    first, second = new_id(), new_id()
    await claimed(side, first)
    await lost(side, first)
    run = await claimed(side, second)
    done = StepCompleted(position=0, kind="model", name="model", seconds=1.5)
    await side.store.commit([a_write(run, delta(), done, step=a_step(0))])
    await side.store.commit([finish(run, first_seq=run.next_seq + 2)])
    await failed(side, await claimed(side, second), "model_quota")

    seen = await look(side, database_url)

    ended = {(r["status"], r["code"]): (r["ended_5_minutes"], r["ended_1_hour"]) for r in seen.recent}
    assert ended == {("completed", ""): (1, 1), ("failed", "model_quota"): (1, 1), ("queued", ""): (0, 0)}
    assert seen.takeovers == 1
    times = {row["what"]: (row["seen"], row["p50_seconds"]) for row in seen.times}
    assert times["model_step"] == (1, 1.5)
    assert {what: count for what, (count, _) in times.items()} == {
        "first_token": 1,
        "model_step": 1,
        "queue": 3,
    }


async def test_an_abandoned_run_is_wrong_once_two_leases_are_over(
    side: PostgresSide, database_url: str, show: Show
) -> None:
    await started(side)
    run = await claimed(side, worker := new_id())
    await side.expire(worker, seconds_ago=LEASE_SECONDS)
    assert problems_of(await look(side, database_url), LEASE_SECONDS) == []

    await side.expire(worker, seconds_ago=2 * LEASE_SECONDS + 1)
    code, text = await show()

    assert code == 1
    assert "1 run is in progress without a living worker" in " ".join(text.split())
    assert f"helium debug {to_wire('run', run.lease.run_id)}" in " ".join(text.split())


async def test_due_runs_without_a_worker_are_wrong_and_with_one_they_are_not(
    side: PostgresSide, database_url: str, show: Show
) -> None:
    await started(side)
    code, text = await show()
    assert (code, "1 run is due and no worker is alive: start `helium worker`" in text) == (1, True)

    await side.store.renew(new_id(), 30.0)
    assert problems_of(await look(side, database_url), LEASE_SECONDS) == []

    await side.database.execute("update run set due_at = due_at - interval '90 s'")
    (problem,) = problems_of(await look(side, database_url), LEASE_SECONDS)
    assert problem.startswith("1 run is due, the oldest for 90 s, although 1 workers live")


async def test_many_failures_are_wrong_and_lead_to_the_errors_page(
    side: PostgresSide, database_url: str
) -> None:
    workspace = await side.workspace()
    for number in range(10):
        await started(side, workspace_id=workspace)
        run = await claimed(side)
        await (failed(side, run, "model_quota") if number % 5 else side.store.commit([finish(run)]))

    (problem,) = problems_of(await look(side, database_url), LEASE_SECONDS)

    assert problem.startswith("8 of the 10 runs that ended in 5 minutes failed")
    assert problem.endswith("see docs/reference/errors/model_quota.md.")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"connections": 91, "max_connections": 100}, "91 of 100 connections"),
        ({"oldest_transaction_seconds": 301.0}, "A transaction has been open for 5.0 min"),
        ({"read_only": True}, "read-only replica"),
        ({"connections": 90, "max_connections": 100, "oldest_transaction_seconds": None}, None),
    ],
)
async def test_a_server_near_its_bounds_is_wrong(
    side: PostgresSide, database_url: str, changes: dict[str, Any], sentence: str | None
) -> None:
    seen = await look(side, database_url)
    seen.server.update(changes)

    found = problems_of(seen, LEASE_SECONDS)

    assert [sentence in problem for problem in found if sentence] == ([True] if sentence else [])
    assert bool(found) == bool(sentence)


async def test_an_open_transaction_and_used_connections_are_seen(
    side: PostgresSide, database_url: str
) -> None:
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("select 1")
        seen = await look(side, database_url)
    await other.close()

    assert seen.server["oldest_transaction_seconds"] > 0
    assert 2 <= seen.server["connections"] <= seen.server["max_connections"]


async def test_a_database_that_is_away_is_one_sentence(show: Show) -> None:
    code, text = await show(database_url=SecretStr("postgresql://x@127.0.0.1:1/x?sslmode=disable"))

    assert (code, "✗ The database does not answer (Connection" in text) == (1, True)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("update alembic_version set version_num = '0001'", "The schema is 0001 and this version needs"),
        ("drop table alembic_version", "The database has no schema yet"),
    ],
)
async def test_a_schema_of_another_version_is_one_sentence(
    side: PostgresSide, show: Show, damage: str, sentence: str
) -> None:
    await side.database.execute(damage)

    code, text = await show()

    assert (code, sentence in text) == (1, True)


async def test_as_json_it_is_one_line_of_plain_values_without_what_people_said(
    side: PostgresSide, show: Show
) -> None:
    await started(side, title=CANARY)
    await failed(side, await claimed(side), "model_quota")

    code, text = await show(as_json=True)

    found = json.loads(text)
    assert (code, text.count("\n"), found["healthy"], found["problems"]) == (0, 1, True, [])
    assert found["database"]["queue"]["due"] == 0
    assert found["round_trip_ms"] > 0
    assert found["address"]["ok"] is None
    assert CANARY not in text


async def test_the_second_look_knows_how_fast_events_come(
    side: PostgresSide, settings: Settings, database_url: str
) -> None:
    clock = ManualClock()
    watch = Watch(settings, clock, database_url, "0001")
    first = await watch.look()
    assert watch.counted is not None
    watch.counted = (watch.counted[0], watch.counted[1] - 500)
    clock.advance(2.0)

    assert (first.events_per_second, (await watch.look()).events_per_second) == (None, 250.0)


async def test_an_address_that_is_ready_is_told_and_one_that_is_not_is_wrong(
    side: PostgresSide, show: Show, settings: Settings
) -> None:
    answers = iter(("200 OK", "503 Service Unavailable"))

    async def answer(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {next(answers)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", settings.port):
        ready, refuses = await show(), await show()

    assert (ready[0], f"127.0.0.1:{settings.port} is ready" in ready[1]) == (0, True)
    assert (refuses[0], "answers 503 to /api/ready" in refuses[1]) == (1, True)


@pytest.mark.parametrize(("kind", "code"), [("local", 0), ("dramatiq", 1)])
async def test_a_redis_that_is_away_is_wrong_only_where_the_queue_is_there(
    side: PostgresSide, show: Show, settings: Settings, kind: str, code: int
) -> None:
    queue = settings.queue.model_copy(update={"kind": kind})

    found, text = await show(redis_url=SecretStr("redis://127.0.0.1:1/0"), queue=queue)

    assert (found, "It does not answer" in text) == (code, True)


async def test_a_redis_that_answers_says_how_fast_and_how_full(
    side: PostgresSide, show: Show, redis_url: str
) -> None:
    _, text = await show(redis_url=SecretStr(redis_url), redis=RedisSettings(timeout_seconds=5.0))

    assert re.search(r"Redis +answers in [0-9.]+ ms, [0-9.]+[KMG]? used, no limit", text)


class TwoLooks(ManualClock):
    """A clock for somebody who looks twice and then presses Ctrl-C."""

    looks = 0

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        self.looks += 1
        if self.looks == 2:
            raise asyncio.CancelledError


@pytest.mark.parametrize(("as_json", "told"), [(True, '"healthy":true'), (False, "every 3 s, Ctrl-C ends")])
async def test_it_looks_again_and_again_until_somebody_ends_it(
    side: PostgresSide,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    as_json: bool,
    told: str,
) -> None:
    terminal = Console(force_terminal=True, file=io.StringIO(), width=80, height=40, highlight=False)
    monkeypatch.setattr("helium.cli.status.SystemClock", TwoLooks)
    monkeypatch.setattr("helium.cli.status.console", terminal)

    with pytest.raises(asyncio.CancelledError):
        await status(settings, once=False, as_json=as_json, every_seconds=3.0)

    assert isinstance(terminal.file, io.StringIO)
    assert (terminal.file.getvalue() + capsys.readouterr().out).count(told) == 2


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.04, "40 ms"),
        (None, "none"),
        (9.94, "9.9 s"),
        (61.0, "61 s"),
        (300.0, "5.0 min"),
        (9e4, "25 h"),
        (1e6, "12 d"),
    ],
)
def test_an_age_is_short(seconds: float | None, told: str) -> None:
    assert status_view.age(seconds) == told
