"""Something breaks in a real installation: somebody is called, and the alert's page works as written."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.monitoring.pages import RUNBOOKS, blocks
from tests.monitoring.servers import Called, alertmanager, called, heard, prometheus
from tests.support.processes import Fleet, Forge, environment, forge, free_port, until
from tests.support.proxy import PostgresProxy, postgres_proxy

pytestmark = [pytest.mark.postgres, pytest.mark.process, pytest.mark.timeout(240)]

PROGRAMS = Path(sys.executable).parent
# What a page's shell may run in a test; the rest needs an installation's other parts.
RUNNABLE = ("helium ", "curl ")


@dataclass(frozen=True, slots=True)
class Installation:
    """Helium with its monitoring, and the one who is called."""

    fleet: Fleet
    proxy: PostgresProxy
    someone: Called
    shell: Mapping[str, str]

    async def page(self, name: str) -> dict[str, tuple[int, str]]:
        """Run what the alert's page says to look at; exit code and output by command."""
        text = "\n".join(blocks(RUNBOOKS / f"{name}.md", "sh"))
        commands = [line for line in text.splitlines() if line.startswith(RUNNABLE)]
        assert commands
        return {command: await asyncio.to_thread(self.run, command) for command in commands}

    def run(self, command: str) -> tuple[int, str]:
        """One line at a shell: its exit code, and what it says."""
        ran = subprocess.run(
            ["/bin/bash", "-c", command],
            env=self.shell,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def helium_forge() -> Generator[Forge]:
    with forge() as made:
        yield made


@asynccontextmanager
async def installation(made: Forge, place: Path, url: str) -> AsyncGenerator[Installation]:
    """One API without a worker, which reaches its database through a proxy."""
    async with postgres_proxy(url) as proxy, called() as someone:
        with ExitStack() as stack:
            metrics = free_port()
            fleet = Fleet(made, place, proxy.url)
            stack.callback(fleet.close)
            api = fleet.api(HELIUM_METRICS__PORT=str(metrics))
            await until(api.ready, "the API answers")
            alerts_to = stack.enter_context(alertmanager(place, someone.port))
            seen = stack.enter_context(prometheus(place, metrics, alerts_to))
            own = {
                "HELIUM_HOME": str(place),
                "HELIUM_DATABASE_URL": proxy.url,
                "HELIUM_PORT": str(api.port),
            }
            shell = environment(own) | {
                "HELIUM_URL": api.address,
                "PROMETHEUS_URL": f"http://127.0.0.1:{seen}",
                "ALERTMANAGER_URL": f"http://127.0.0.1:{alerts_to}",
                "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            }
            await heard(someone, "deadman", "Watchdog")
            yield Installation(fleet, proxy, someone, shell)


async def test_a_database_that_is_away_calls_the_platform_and_its_page_says_so(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with installation(helium_forge, tmp_path, database_url) as it:
        whole = await it.page("DatabaseDown")
        assert {code for code, _ in whole.values()} == {0}

        socket, it.proxy.socket = it.proxy.socket, str(tmp_path / "nothing")
        it.proxy.close()
        alert = await heard(it.someone, "page-platform", "DatabaseDown")
        broken = await it.page("DatabaseDown")

        it.proxy.socket = socket
        await heard(it.someone, "page-platform", "DatabaseDown", "resolved")
        again = await it.page("DatabaseDown")

    assert alert["annotations"]["runbook_url"].endswith("/runbooks/DatabaseDown.md")
    assert 0 not in {code for code, _ in broken.values()}
    assert "database" in broken["helium doctor"][1].lower()
    assert {code for code, _ in again.values()} == {0}
    tokens = {(path, token) for path, token, _ in it.someone.notes}
    assert tokens == {(path, f"Bearer token-of-{path}") for path, _ in tokens}


async def test_a_run_that_nobody_takes_calls_the_team_of_the_agents_until_a_worker_comes(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with installation(helium_forge, tmp_path, database_url) as it:
        token = (await asyncio.to_thread(it.run, "helium token"))[1].strip()
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
            answer = await http.post(f"{it.shell['HELIUM_URL']}/v1/runs", json={"input": "what is 1 + 1?"})
        assert answer.status_code == 202
        await older(database_url)

        alert = await heard(it.someone, "page-agents", "QueueAge")
        looked = await it.page("QueueAge")
        await it.fleet.worker()
        await heard(it.someone, "page-agents", "QueueAge", "resolved")

    assert "2m" in alert["annotations"]["description"]
    assert looked["helium runs --status queued --limit 20"][0] == 0
    assert answer.json()["id"] in looked["helium runs --status queued --limit 20"][1]
    # 1: something is wrong, and it says what.
    assert looked["helium status --once"][0] == 1


async def older(url: str) -> None:
    """Let what is queued have been so for two minutes."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "update run set due_at = due_at - interval '2 minutes' where status = 'queued'"
    )
    await connection.close()


INHIBITED = (
    ({"alertname": "DatabaseDown", "severity": "page"}, {"alertname": "QueueAge", "severity": "page"}),
    (
        {"alertname": "ApiSlowBurn", "severity": "page", "slo": "api-slow"},
        {"alertname": "ApiSlowBurn", "severity": "ticket", "slo": "api-slow"},
    ),
    ({"alertname": "BudgetRunaway", "severity": "page"}, {"alertname": "Budget", "severity": "ticket"}),
)
NOT_INHIBITED = (
    ({"alertname": "DatabaseDown", "severity": "page"}, {"alertname": "RedisDown", "severity": "ticket"}),
    (
        {"alertname": "ApiSlowBurn", "severity": "page", "slo": "api-slow"},
        {"alertname": "EventLagBurn", "severity": "ticket", "slo": "event-lag"},
    ),
    ({"alertname": "QueueAge", "severity": "page"}, {"alertname": "DeadLetters", "severity": "ticket"}),
)


@pytest.mark.parametrize(
    ("cause", "consequence", "silenced"),
    [*((*pair, True) for pair in INHIBITED), *((*pair, False) for pair in NOT_INHIBITED)],
)
async def test_a_cause_silences_its_consequences_and_nothing_else(
    cause: dict[str, str], consequence: dict[str, str], silenced: bool, tmp_path: Path
) -> None:
    async with called() as someone, httpx.AsyncClient() as http:
        with alertmanager(tmp_path, someone.port) as port:
            address = f"http://127.0.0.1:{port}/api/v2/alerts"

            async def both() -> bool:
                try:
                    await http.post(address, json=[{"labels": cause}, {"labels": consequence}])
                    return len((await http.get(address)).json()) == 2
                except httpx.TransportError:
                    return False

            await until(both, "Alertmanager has both")
            found: list[dict[str, Any]] = []

            async def decided() -> bool:
                found[:] = (await http.get(address)).json()
                return all(alert["status"]["state"] != "unprocessed" for alert in found)

            await until(decided, "Alertmanager has decided")

    by_name = {(a["labels"]["alertname"], a["labels"]["severity"]): a["status"] for a in found}
    inhibited = by_name[consequence["alertname"], consequence["severity"]]["inhibitedBy"]
    assert bool(inhibited) == silenced
    assert by_name[cause["alertname"], cause["severity"]]["inhibitedBy"] == []
