"""Workers that stop, sleep, hang, crash and are replaced, in processes of their own."""

import asyncio
import signal
import time
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.processes import Forge, Node, hold, until
from tests.support.scene import Scene, kinds, said, scene, write_script
from tests.support.viewers import the_log


def counted(last: int) -> str:
    return " ".join(map(str, range(1, last + 1)))


async def attempt(stage: Scene, run_id: str, number: int) -> None:
    """Wait until the run's attempt of this number has begun."""

    async def begun() -> bool:
        found = await stage.connection.fetchval(
            "select attempt from run where id = $1", UUID(run_id.partition("_")[2])
        )
        return found is not None and found >= number

    await until(begun, f"attempt {number} of {run_id}")


async def reasons(stage: Scene, run_id: str) -> list[str]:
    """Why the run went back to the queue, each time."""
    log = await the_log(stage.connection, run_id)
    return [event["reason"] for _, event in log if event["type"] == "run.requeued"]


@pytest.mark.parametrize("role", ["api", "up"])
async def test_a_zombie_changes_nothing_and_shows_nothing(
    role: str, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url, role=role) as stage:
        zombie = stage.api.node if role == "up" else await stage.fleet.worker()
        run_id = await stage.start("count from 1 to 45 slowly")
        await stage.events(run_id, 12)

        zombie.send(signal.SIGSTOP)
        await stage.fleet.worker()
        await attempt(stage, run_id, 2)
        await stage.events(run_id, 24)
        zombie.send(signal.SIGCONT)

        run = await stage.finished(run_id)
        await until(lambda: zombie.said("run.lease_lost"), "the zombie notices")
        assert (run["status"], run["attempt"], said(run)) == ("completed", 2, counted(45))
        assert await reasons(stage, run_id) == ["lease_expired"]
        await stage.consistent()


async def test_a_blocked_event_loop_keeps_its_lease(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    turns = [{"tool_calls": [{"name": "block", "arguments": {"seconds": 4.0}}]}, {"text": "done"}]
    env = write_script(tmp_path / "script.json", turns)
    async with scene(helium_forge, tmp_path, database_url, **env) as stage:
        await stage.agent("blocker", "block")
        await stage.fleet.worker()
        await stage.fleet.worker()

        run = await stage.finished(await stage.start("go", agent="blocker"))

        assert (run["status"], run["attempt"], said(run)) == ("completed", 1, "done")
        await stage.consistent()


async def test_a_loop_that_is_stuck_for_good_loses_its_lease(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    arguments = {"seconds": 8.0, "marker": str(tmp_path / "first")}
    turns = [{"tool_calls": [{"name": "block_first", "arguments": arguments}]}, {"text": "done"}]
    env = write_script(tmp_path / "script.json", turns)
    env["HELIUM_WORKER__STUCK_LOOP_SECONDS"] = "1.5"
    async with scene(helium_forge, tmp_path, database_url, **env) as stage:
        await stage.agent("blocker", "block_first")
        stuck = await stage.fleet.worker()
        run_id = await stage.start("go", agent="blocker")
        await until((tmp_path / "first").exists, "the first worker is stuck")
        began = time.monotonic()
        await stage.fleet.worker()

        run = await stage.finished(run_id)

        assert time.monotonic() - began < 8
        assert (run["status"], run["attempt"], said(run)) == ("completed", 2, "done")
        await until(lambda: stuck.said("run.lease_lost"), "the stuck worker notices")
        await stage.consistent()


async def test_a_poison_run_fails_after_four_attempts_and_spares_the_others(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    env = write_script(tmp_path / "script.json", [{"tool_calls": [{"name": "crash"}]}])
    async with scene(helium_forge, tmp_path, database_url, **env) as stage:
        await stage.agent("poison", "crash")
        others = [await stage.start("count from 1 to 30 slowly") for _ in range(4)]
        poison = await stage.start("go", agent="poison")
        workers = [await stage.fleet.worker(), await stage.fleet.worker()]
        supervisor = asyncio.create_task(keep_alive(stage, workers))

        ended = await stage.finished(poison, seconds=60)
        spared = await stage.whole(others)

        supervisor.cancel()
        assert (ended["status"], ended["error"]["code"]) == ("failed", "poison")
        # The first attempt recorded the model's answer: progress. Four more recorded nothing.
        starts = kinds(await the_log(stage.connection, poison)).count("run.started")
        assert starts == 1 + 4 + 1
        assert [(run["status"], said(run)) for run in spared] == [("completed", counted(30))] * 4
        await stage.consistent()


async def keep_alive(stage: Scene, workers: list[Node]) -> None:
    """Start a worker for each that has died."""
    while True:
        for place, node in enumerate(workers):
            if node.exit_code is not None:
                workers[place] = await stage.fleet.worker()
        await hold(0.05)


async def test_cancelling_a_dead_workers_run_ends_it(stage: Scene) -> None:
    worker = await stage.fleet.worker()
    run_id = await stage.start("count from 1 to 300 slowly")
    await stage.events(run_id, 6)
    await worker.kill()

    answer = await stage.http.post(f"/v1/runs/{run_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "in_progress")
    await stage.fleet.worker()

    run = await stage.finished(run_id)
    assert (run["status"], run["attempt"]) == ("cancelled", 1)
    await stage.consistent()


async def test_runs_of_one_thread_follow_each_other_across_two_workers(stage: Scene) -> None:
    await stage.fleet.worker()
    await stage.fleet.worker()
    first = await stage.start("my name is Ann")
    thread = (await stage.run(first))["thread_id"]
    texts = ["count to 30", "what is my name", "calculate 2 + 2", "what is my name"]
    more = [await stage.start(text, thread_id=thread, when_busy="enqueue") for text in texts]

    runs = await stage.whole([first, *more])

    assert [run["status"] for run in runs] == ["completed"] * 5
    answers = [said(run) for run in runs][1:]
    assert answers == [counted(30), "Your name is Ann.", "2 + 2 = 4.", "Your name is Ann."]
    times = [(run["started_at"], run["finished_at"]) for run in runs]
    assert all(before[1] <= after[0] for before, after in pairwise(times))
    await stage.consistent()


async def test_a_long_run_is_executed_in_slices(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    words = " ".join(f"w{number}" for number in range(6))
    calculate = {"name": "calculator", "arguments": {"expression": "1+1"}}
    turn = {"text": words, "pace_seconds": 0.1, "tool_calls": [calculate]}
    env = write_script(tmp_path / "script.json", [*[turn] * 6, {"text": "the end"}])
    async with scene(helium_forge, tmp_path, database_url, **env) as stage:
        await stage.agent("talker", "calculator")
        for _ in range(2):
            await stage.fleet.worker(HELIUM_WORKER__SLICE_SECONDS="1")

        run_id = await stage.start("go", agent="talker")
        run = await stage.finished(run_id)

        assert (run["status"], said(run)) == ("completed", words * 6 + "the end")
        assert run["attempt"] >= 3
        assert set(await reasons(stage, run_id)) == {"slice_over"}
        await stage.consistent()


async def test_a_step_that_no_slice_can_hold_fails_its_run(stage: Scene) -> None:
    await stage.fleet.worker(HELIUM_WORKER__SLICE_SECONDS="0.5")
    run = await stage.finished(await stage.start("count from 1 to 100 slowly"))
    assert (run["status"], run["error"]["code"]) == ("failed", "poison")
    await stage.consistent()


async def test_a_drained_worker_says_so_at_its_end(stage: Scene) -> None:
    worker = await stage.fleet.worker()
    worker.send(signal.SIGTERM)
    assert await worker.gone() == 0
    assert worker.said("worker.stopped")


async def test_a_drained_process_hands_over_and_sends_its_viewers_on(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    env = {"HELIUM_WORKER__DRAIN_SECONDS": "2"}
    async with scene(helium_forge, tmp_path, database_url, role="up", **env) as stage:
        runs = [await stage.start("count from 1 to 60 slowly") for _ in range(3)]
        extra = stage.watch(runs[0])
        for run_id in runs:
            await stage.events(run_id, 8)
        old, stage.api = stage.api, stage.fleet.api("up")
        await until(stage.api.ready, "the next process answers")
        stage.http.base_url = stage.api.address

        began = time.monotonic()
        old.node.send(signal.SIGTERM)
        code = await old.node.gone(10)

        assert (code, time.monotonic() - began < 8) == (0, True)
        ended = await stage.whole(runs)
        assert [(run["status"], run["attempt"], said(run)) for run in ended] == [
            ("completed", 2, counted(60))
        ] * 3
        assert [await reasons(stage, run_id) for run_id in runs] == [["drain"]] * 3
        assert extra.reconnects == 1
        await stage.consistent()
