"""Debian's Prometheus on loopback, scraping what a test tells it to; ended by its own number."""

import json
import os
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.processes import free_port
from tests.support.servers import require

PROGRAM = Path(os.environ.get("HELIUM_TEST_PROMETHEUS", "/usr/bin/prometheus"))
SETPRIV = Path("/usr/bin/setpriv")
INTERVAL = "200ms"
# What every installation is to record: the database's figures are the same from every process.
RULES = {
    "groups": [
        {
            "name": "helium",
            "interval": INTERVAL,
            "rules": [
                {"record": "helium:agent_runs:total", "expr": "max by (status) (agent_runs_total)"},
            ],
        }
    ]
}


class Prometheus:
    """One server."""

    def __init__(self, port: int) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10)

    async def ready(self) -> bool:
        try:
            return (await self._http.get("/-/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def query(self, expression: str) -> list[dict[str, Any]]:
        answer = await self._http.get("/api/v1/query", params={"query": expression})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["result"]

    async def values(self, expression: str, label: str) -> dict[str, float]:
        """An instant vector, by one label."""
        return {r["metric"].get(label, ""): float(r["value"][1]) for r in await self.query(expression)}

    async def value(self, expression: str) -> float:
        (found,) = await self.query(expression)
        return float(found["value"][1])

    async def samples(self, selector: str) -> dict[str, list[float]]:
        """Every sample that was scraped, by instance, in order."""
        found: dict[str, list[float]] = {}
        for series in await self.query(f"{selector}[1h]"):
            found[series["metric"].get("instance", "")] = [float(v) for _, v in series["values"]]
        return found

    async def close(self) -> None:
        await self._http.aclose()


@contextmanager
def prometheus(place: Path, targets: Mapping[str, Sequence[int]]) -> Generator[int]:
    """A server that scrapes these ports of this machine, by job; the port it answers on."""
    require(PROGRAM)
    port = free_port()
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{p}" for p in ports]}]}
        for job, ports in targets.items()
    ]
    config = {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL},
        "rule_files": ["rules.yml"],
        "scrape_configs": jobs,
    }
    (place / "rules.yml").write_text(json.dumps(RULES))  # JSON is YAML
    (place / "prometheus.yml").write_text(json.dumps(config))
    outlives_nobody = (str(SETPRIV), "--pdeathsig", "KILL") if SETPRIV.exists() else ()
    options = {
        "config.file": place / "prometheus.yml",
        "storage.tsdb.path": place / "tsdb",
        "web.listen-address": f"127.0.0.1:{port}",
        "log.level": "warn",
    }
    with (place / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [*outlives_nobody, str(PROGRAM), *(f"--{name}={value}" for name, value in options.items())],
            stdout=log,
            stderr=log,
        )
        try:
            yield port
        finally:
            process.kill()
            process.wait(timeout=10)
