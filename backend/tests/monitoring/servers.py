"""Debian's Prometheus and Alertmanager with our rules and routes, and somebody to be called."""

import json
import subprocess
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.monitoring.pages import FOLDER, generator, read_yaml, write_yaml
from tests.support.processes import free_port, until
from tests.support.servers import require

PROMETHEUS = Path("/usr/bin/prometheus")
ALERTMANAGER = Path("/usr/bin/prometheus-alertmanager")
SETPRIV = Path("/usr/bin/setpriv")
# An hour is a minute, a minute a second.
SHRINK = 60


@dataclass(slots=True)
class Called:
    """The one who is called: what arrived at which receiver, and with which token."""

    port: int
    notes: list[tuple[str, str, dict[str, Any]]] = field(
        default_factory=list[tuple[str, str, dict[str, Any]]]
    )

    async def take(self, request: web.Request) -> web.Response:
        note: dict[str, Any] = await request.json()
        self.notes.append((request.path.strip("/"), request.headers.get("Authorization", ""), note))
        return web.Response()

    def alert(self, receiver: str, name: str, status: str) -> dict[str, Any] | None:
        """The first such alert that arrived there."""
        for path, _, note in self.notes:
            for alert in note["alerts"] if path == receiver else ():
                if alert["labels"]["alertname"] == name and alert["status"] == status:
                    return alert
        return None

    def heard(self, receiver: str, name: str, status: str = "firing") -> Callable[[], bool]:
        return lambda: self.alert(receiver, name, status) is not None


@asynccontextmanager
async def called() -> AsyncGenerator[Called]:
    someone = Called(free_port())
    server = web.Application()
    server.router.add_post("/{receiver:.*}", someone.take)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", someone.port).start()
    try:
        yield someone
    finally:
        await runner.cleanup()


@contextmanager
def running(program: Path, log: Path, options: Sequence[str]) -> Generator[None]:
    """A server that ends with the test, and with this process."""
    require(program)
    outlives_nobody = (str(SETPRIV), "--pdeathsig", "KILL") if SETPRIV.exists() else ()
    with log.open("w") as said:
        command = [*outlives_nobody, str(program), *options]
        process = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            yield
        finally:
            process.kill()
            process.wait(timeout=10)


@contextmanager
def alertmanager(place: Path, receiver_port: int) -> Generator[int]:
    """The real routes; addresses, secrets and waiting times are the test's. The port it answers on."""
    page = read_yaml(FOLDER / "alertmanager.yaml")
    for receiver in page["receivers"]:
        for hook in receiver["webhook_configs"]:
            secret = place / receiver["name"]
            secret.write_text(f"token-of-{receiver['name']}")
            hook["url"] = f"http://127.0.0.1:{receiver_port}/{receiver['name']}"
            hook["http_config"]["authorization"]["credentials_file"] = str(secret)
    _hurry(page["route"])
    write_yaml(place / "alertmanager.yaml", page)
    port = free_port()
    options = [
        f"--config.file={place / 'alertmanager.yaml'}",
        f"--storage.path={place / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with running(ALERTMANAGER, place / "alertmanager.log", options):
        yield port


def _hurry(route: dict[str, Any]) -> None:
    route |= {"group_wait": "0s", "group_interval": "1s"}
    for below in route.get("routes", []):
        _hurry(below)


@contextmanager
def prometheus(place: Path, target: int, alerts_to: int) -> Generator[int]:
    """The real rules with shortened times, over one address with metrics. The port it answers on."""
    rules = place / "rules"
    rules.mkdir()
    for name, text in generator.rules(SHRINK).items():
        (rules / name).write_text(text)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{rules}/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alerts_to}"]}]}]},
        "scrape_configs": [
            {"job_name": "helium", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        ],
    }
    (place / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    options = [
        f"--config.file={place / 'prometheus.yml'}",
        f"--storage.tsdb.path={place / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        # It finds Alertmanager some seconds after its first alerts.
        "--rules.alert.resend-delay=1s",
    ]
    with running(PROMETHEUS, place / "prometheus.log", options):
        yield port


async def heard(someone: Called, receiver: str, name: str, status: str = "firing") -> dict[str, Any]:
    """Wait until this alert arrives at this receiver."""
    await until(someone.heard(receiver, name, status), f"{name} is {status} at {receiver}", 60)
    found = someone.alert(receiver, name, status)
    assert found is not None
    return found
