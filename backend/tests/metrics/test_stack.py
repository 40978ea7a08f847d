"""A real Prometheus scrapes real processes under load, while some of them are killed and replaced."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from helium.api.app import ROUTERS
from helium.api.routes import RouteTemplates
from helium.kit.ids import new_id
from helium.kit.metrics.sampler import EVERY_SECONDS
from tests.metrics.prometheus import Prometheus, prometheus
from tests.support.processes import Forge, Node, free_port, hold, until
from tests.support.scene import Scene, scene

pytestmark = [pytest.mark.postgres, pytest.mark.process]

SETTINGS = {"HELIUM_WORKER__LEASE_TTL_SECONDS": "2", "HELIUM_DATABASE__POOL_SIZE": "5"}
ASKED = ("count from 1 to 8 slowly", "fail", "what is 17 * 3?", "count from 1 to 40 slowly")
TEMPLATES = RouteTemplates(getattr(route, "path", "") for router in ROUTERS for route in router.routes)
HOLDERS = """select count(distinct worker_id) from run
    where status = 'in_progress' and input::text like '%60 slowly%'"""
COUNTED = "select status, count(*) as n from run group by status"


class Stack:
    """A supervisor with two processes, a worker, and Prometheus beside them."""

    def __init__(self, stage: Scene, seen: Prometheus, ports: tuple[int, int], worker: Node) -> None:
        self.stage = stage
        self.seen = seen
        self.host_port, self.worker_port = ports
        self.worker = worker

    def children(self) -> list[psutil.Process]:
        """Those of its processes that live."""
        found = psutil.Process(self.stage.api.node.pid).children()
        living = [child for child in found if child.status() != psutil.STATUS_ZOMBIE]
        return [child for child in living if "child" in child.cmdline()]

    async def replaced(self, killed: Sequence[psutil.Process]) -> None:
        """Kill these, and wait until others serve in their place."""
        for child in killed:
            os.kill(child.pid, signal.SIGKILL)
            child.wait(10)

        def others() -> bool:
            return len(self.children()) == 2 and not set(killed) & set(self.children())

        await until(others, "the dead processes are replaced")
        await until(self.stage.api.ready, "they serve")

    async def text(self, port: int) -> str:
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"http://127.0.0.1:{port}/metrics")
        assert answer.status_code == 200
        return answer.text

    async def counted(self) -> dict[str, float]:
        """The database's own count of the runs that have ended."""
        rows = await self.stage.connection.fetch(COUNTED)
        return {row["status"]: float(row["n"]) for row in rows}

    async def agrees(self) -> None:
        """Prometheus comes to show exactly what the database counts; zeros for what never happened."""
        zeros = dict.fromkeys(("completed", "failed", "cancelled", "incomplete"), 0.0)
        wanted = zeros | await self.counted()

        async def same() -> bool:
            shown = await self.seen.values("helium:agent_runs:total", "status")
            return shown == wanted

        await until(same, f"Prometheus shows {wanted}", 15)


@asynccontextmanager
async def stack(forge: Forge, home: Path, url: str) -> AsyncGenerator[Stack]:
    ports = (free_port(), free_port())
    host = {**SETTINGS, "HELIUM_METRICS__PORT": str(ports[0])}
    async with scene(forge, home, url, role="up", more=("--processes", "2"), **host) as stage:
        await until(lambda: stage.api.node.said("Helium is running"), "both processes serve")
        worker = await stage.fleet.worker(HELIUM_METRICS__PORT=str(ports[1]))
        place = home / "prometheus"
        place.mkdir()
        with prometheus(place, {"helium": ports}) as port:
            seen = Prometheus(port)
            try:
                await until(seen.ready, "Prometheus is ready")
                yield Stack(stage, seen, ports, worker)
            finally:
                await seen.close()
                stage.api.node.send(signal.SIGTERM)
                await stage.api.node.gone()


async def started(stage: Scene, text: str) -> str:
    """Start a run, once, also if the process that is asked dies before it answers."""
    # Each on a connection of its own: whichever of the host's processes takes it executes the run.
    key = {"Idempotency-Key": new_id().hex, "Connection": "close"}
    while True:
        try:
            answer = await stage.http.post("/v1/runs", json={"input": text}, headers=key)
        except httpx.TransportError:
            await until(stage.api.ready, "another process answers")
            continue
        assert answer.status_code == 202, answer.text
        run_id: str = answer.json()["id"]
        stage.watch(run_id)
        return run_id


async def load(stage: Scene, rounds: int) -> list[dict[str, Any]]:
    """Start runs of all kinds, cancel some, and see them to their ends."""
    run_ids: list[str] = []
    for number in range(rounds):
        run_ids.extend(await asyncio.gather(*(started(stage, text) for text in ASKED)))
        if number % 2:
            await cancel(stage, run_ids[-1])
    return await stage.whole(run_ids)


async def cancel(stage: Scene, run_id: str) -> None:
    try:
        await stage.http.post(f"/v1/runs/{run_id}/cancel")
    except httpx.TransportError:
        pass  # its process was killed; the run may go on


async def test_every_run_is_counted_once_whichever_process_dies(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with stack(helium_forge, tmp_path, database_url) as made:
        await load(made.stage, 4)
        await made.agrees()

        loading = asyncio.create_task(load(made.stage, 12))
        more = await two_hold_runs(made)
        await made.worker.kill()
        await made.replaced(made.children()[:1])
        await made.stage.fleet.worker(HELIUM_METRICS__PORT=str(made.worker_port))
        ended = await loading
        await until(lambda: _idle(made), "no run is left")
        await made.agrees()

        counted = await made.counted()
        assert sum(counted.values()) == 16 * 4 + more
        assert {run["status"] for run in ended} == {"completed", "failed", "cancelled"}
        await until(lambda: _shows(made, "max(active_agents_count)", 0), "no run is active")
        await until(lambda: _taken_over(made), "the takeovers are seen")


async def two_hold_runs(made: Stack) -> int:
    """Start long runs until two of the three processes hold one; how many it took."""
    for number in range(1, 60):
        await made.stage.status(await started(made.stage, "count from 1 to 60 slowly"), "in_progress")
        if (await made.stage.value(HOLDERS) or 0) >= 2:
            return number
    raise AssertionError("one process claims everything")


async def _shows(made: Stack, expression: str, wanted: float) -> bool:
    return await made.seen.value(expression) == wanted


async def _taken_over(made: Stack) -> bool:
    return await made.seen.value("sum(helium_lease_takeovers_total)") >= 1


async def _idle(made: Stack) -> bool:
    return set(await made.counted()) <= {"completed", "failed", "cancelled", "incomplete"}


async def test_a_hosts_counters_never_go_back_when_one_of_its_processes_is_killed(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with stack(helium_forge, tmp_path, database_url) as made:
        requests = 'request_duration_seconds_count{route="/v1/runs",method="POST",status="202"}'
        host = f"127.0.0.1:{made.host_port}"
        await load(made.stage, 5)

        async def all_seen(wanted: float) -> bool:
            return await made.seen.values(requests, "instance") == {host: wanted}

        await until(lambda: all_seen(20), "all requests are counted")
        await made.replaced(made.children())
        await load(made.stage, 5)
        await until(lambda: all_seen(40), "what the dead have counted is still there")

        for name in (requests, "process_cpu_seconds_total"):
            samples = (await made.seen.samples(name))[host]
            assert len(samples) > 10
            assert samples == sorted(samples)
        assert await made.seen.value(f'helium_processes{{instance="{host}"}}') == 2


SHOWN = (
    *("active_agents_count", "agent_runs_total", "helium_claim_latency_seconds", "helium_commit_seconds"),
    *("helium_database_pool_limit", "helium_event_lag_seconds", "helium_event_loop_lag_seconds"),
    *("helium_first_token_seconds", "helium_inter_token_seconds", "helium_model_tries_total"),
    *("helium_queue_runs", "helium_running_slots", "helium_slots", "helium_step_duration_seconds"),
    *("helium_tokens_total", "helium_tool_calls_total", "helium_viewer_connections_total"),
    *("helium_viewer_ends_total", "helium_workers", "request_duration_seconds", "helium_build_info"),
    *("helium_run_endings_total", "helium_refusals_total", "helium_retractions_total"),
)


async def test_what_a_stack_counts_is_shown_under_labels_that_were_foreseen(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with stack(helium_forge, tmp_path, database_url) as made:
        for path in ("/wp-login.php", "/v1/runs/../../etc", "/v1/threads/thr_x/runs", "/v1/" + "x" * 300):
            await made.stage.http.get(path)
        await made.stage.http.request("BREW", "/v1/runs")
        await load(made.stage, 3)
        await hold(2 * EVERY_SECONDS)
        text = await made.text(made.host_port) + await made.text(made.worker_port)

    families = list(text_string_to_metric_families(text))
    busy = {f.name for f in families if any(s.value for s in f.samples)}
    assert {f.name for f in families} >= {name.removesuffix("_total") for name in SHOWN}
    assert busy >= {name.removesuffix("_total") for name in SHOWN} - {
        *("active_agents_count", "helium_queue_runs", "helium_running_slots"),
        *("helium_refusals", "helium_retractions"),
    }
    routes = {s.labels["route"] for f in families for s in f.samples if "route" in s.labels}
    assert routes <= TEMPLATES.names
    assert "other" in routes
    tools = {s.labels["tool"] for f in families for s in f.samples if "tool" in s.labels}
    assert tools == {"calculator"}


async def test_a_process_among_several_does_not_give_its_own_counts_for_those_of_all(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with stack(helium_forge, tmp_path, database_url) as made:
        answer = await made.stage.http.get("/metrics")

        assert answer.status_code == 404
        assert "HELIUM_METRICS__PORT" in answer.json()["detail"]
        assert "helium_processes 2.0" in await made.text(made.host_port)
        assert "helium_processes 1.0" in await made.text(made.worker_port)
