"""A process is killed at every named point; another finishes, nothing is lost or done twice."""

import signal
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from helium.kit.failpoint import FAILPOINTS
from tests.support.processes import until
from tests.support.scene import Scene, said

LINE = "the line"
APPEND = f"append to log.txt: {LINE}"
PERSON = "ask me before you calculate 6 * 7"


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked, where its first worker dies, and what must come of it."""

    point: str
    ask: str = "calculate 6 * 7"
    answer: str = "6 * 7 = 42."
    attempts: int = 2
    """Claims until the end."""
    happened: bool | None = None
    """An effect in doubt: whether it has happened by then. None: nothing is in doubt."""


COUNT, COUNTED = "count from 1 to 15", " ".join(map(str, range(1, 16)))
ADDED = "Added 9 bytes to log.txt."

CASES = (
    Case("claim.before_commit", attempts=1),
    Case("claim.after_commit"),
    Case("bell.before_ack", attempts=1),
    Case("bell.after_ack"),
    Case("model.before_call"),
    Case("model.before_call:2"),
    Case("model.mid_stream:2", COUNT, COUNTED),
    Case("model.after_call"),
    Case("step.before_commit"),
    Case("step.after_commit"),
    Case("step.before_commit:2"),
    Case("step.after_commit:2"),
    Case("finish.before_commit"),
    Case("finish.after_commit", attempts=1),
    Case("intent.before_commit", APPEND, ADDED),
    Case("intent.after_commit", APPEND, ADDED, attempts=3, happened=False),
    Case("effect.after", APPEND, ADDED, attempts=3, happened=True),
    Case("step.before_commit:2", APPEND, ADDED, attempts=3, happened=True),
    Case("step.after_commit:2", APPEND, ADDED),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.point} {case.ask.split()[0]}")
async def test_a_worker_dies_and_another_finishes(case: Case, stage: Scene, tmp_path: Path) -> None:
    run_id = await stage.start(case.ask)
    await die_at(stage, case.point, tmp_path)
    await stage.fleet.worker()

    if case.happened is not None:
        await stage.status(run_id, "requires_action")
        assert (await stage.run(run_id))["action"]["kind"] == "in_doubt"
        assert await stage.file(run_id, "log.txt") == (f"{LINE}\n" if case.happened else "")
        await stage.decide(run_id, "done" if case.happened else "repeat", case.answer)

    run = await stage.finished(run_id)
    assert (run["status"], run["attempt"]) == ("completed", case.attempts)
    assert said(run) == case.answer
    if case.ask == APPEND:
        assert await stage.file(run_id, "log.txt") == f"{LINE}\n"
    await stage.consistent()


@pytest.mark.parametrize("point", ["park.before_commit", "park.after_commit"])
async def test_a_worker_dies_while_it_gives_a_run_to_a_person(
    point: str, stage: Scene, tmp_path: Path
) -> None:
    run_id = await stage.start(PERSON)
    await die_at(stage, point, tmp_path)
    await stage.fleet.worker()

    await stage.status(run_id, "requires_action")
    assert await stage.connection.fetchval("select count(*) from action") == 1
    await stage.decide(run_id, "approve")

    run = await stage.finished(run_id)
    assert (run["status"], said(run)) == ("completed", "6 * 7 = 42.")
    await stage.consistent()


@pytest.mark.parametrize("point", ["cancel.before_commit", "cancel.after_commit"])
@pytest.mark.parametrize("running", [False, True], ids=["queued", "running"])
async def test_an_api_process_dies_while_it_cancels(
    point: str, running: bool, stage: Scene, tmp_path: Path
) -> None:
    if running:
        await stage.fleet.worker()
    run_id = await stage.start("count from 1 to 300 slowly")
    if running:
        await stage.events(run_id, 8)
    doomed = stage.fleet.api(HELIUM_FAILPOINT=point, HELIUM_FAILPOINT_ONCE=str(tmp_path / "died"))
    await until(doomed.ready, "the second API answers")
    headers = {"Authorization": f"Bearer {stage.token}"}
    async with httpx.AsyncClient(base_url=doomed.address, headers=headers) as http:
        with pytest.raises(httpx.TransportError):
            await http.post(f"/v1/runs/{run_id}/cancel")
    assert await doomed.node.gone() == -signal.SIGKILL

    if point == "cancel.before_commit":
        await stage.status(run_id, "in_progress" if running else "queued")
        again = await stage.http.post(f"/v1/runs/{run_id}/cancel")
        assert again.status_code == 202
    run = await stage.finished(run_id)
    assert run["status"] == "cancelled"
    await stage.consistent()


def test_every_failpoint_has_a_case() -> None:
    tested = {case.point.partition(":")[0] for case in CASES}
    tested |= {"park.before_commit", "park.after_commit", "cancel.before_commit", "cancel.after_commit"}
    assert tested == set(FAILPOINTS)


async def die_at(stage: Scene, point: str, folder: Path) -> None:
    """Start a worker that kills itself at this point, and see it dead."""
    once = folder / "died"
    doomed = stage.fleet.start("worker", HELIUM_FAILPOINT=point, HELIUM_FAILPOINT_ONCE=str(once))
    assert await doomed.gone() == -signal.SIGKILL
    assert once.exists()
