"""`/metrics` of processes that are alone on their address, and a run whose process dies as it ends."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import Forge, free_port
from tests.support.scene import Scene, scene

pytestmark = [pytest.mark.postgres, pytest.mark.process]


async def metrics(stage: Scene, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient() as http:
        return await http.get(f"{stage.api.address}/metrics", headers=headers)


def value(text: str, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(text)
    (found,) = [s.value for f in families for s in f.samples if (s.name, s.labels) == (name, labels)]
    return found


@pytest.mark.parametrize("moment", ["finish.before_commit", "finish.after_commit"])
async def test_guard_a_run_whose_worker_dies_as_it_ends_is_counted_once(
    moment: str, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url) as stage:
        dying = await stage.fleet.worker(
            HELIUM_FAILPOINT=moment, HELIUM_FAILPOINT_ONCE=str(tmp_path / "died")
        )
        run_id = await stage.start("what is 17 * 3?")
        assert await dying.gone() < 0
        await stage.fleet.worker()

        assert (await stage.finished(run_id))["status"] == "completed"
        text = (await metrics(stage)).text

        assert value(text, "agent_runs_total", status="completed") == 1
        assert value(text, "active_agents_count") == 0


async def test_in_development_the_main_port_gives_metrics_to_this_machine(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url) as stage:
        answer = await metrics(stage)

        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert value(answer.text, "helium_processes") == 1


@pytest.mark.parametrize("role", ["api", "stream"])
async def test_guard_a_token_is_asked_for_where_there_is_one(
    role: str, helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(
        helium_forge, tmp_path, database_url, role=role, HELIUM_METRICS__TOKEN="token-of-a-test"
    ) as stage:
        without, wrong = await metrics(stage), await metrics(stage, "token-of-another")
        right = await metrics(stage, "token-of-a-test")

        assert [without.status_code, wrong.status_code, right.status_code] == [401, 401, 200]
        assert "token-of-a-test" not in stage.api.node.log.read_text() + right.text


async def test_guard_in_production_the_main_port_gives_no_metrics_without_a_token(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url, HELIUM_ENVIRONMENT="production") as stage:
        answer = await metrics(stage)

        assert answer.status_code == 404
        assert "HELIUM_METRICS__TOKEN" in answer.json()["detail"]


async def test_a_worker_answers_on_its_own_port(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    port = str(free_port())
    async with scene(helium_forge, tmp_path, database_url) as stage:
        await stage.fleet.worker(HELIUM_WORKER__PORT=port, HELIUM_WORKER__SLOTS="7")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            answer = await http.get("/metrics")

        assert answer.status_code == 200
        assert value(answer.text, "helium_slots") == 7
