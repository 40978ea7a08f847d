"""Helium as a newcomer starts it: `helium up` in an empty home, with its embedded database."""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helium.adapters.embedded_postgres import EmbeddedPostgres
from tests.support.processes import BACKEND, READY_SECONDS, environment, free_port
from tests.support.scene import write_script

FOLDER = str(Path(__file__).parent)
TURNS = [
    {"tool_calls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}]},
    {"text": "It is sunny in Oslo."},
]
"""What `scripted:…` says: it asks for the caller's own function, then answers."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if str(item.path).startswith(FOLDER):
            item.add_marker(pytest.mark.postgres)
            item.add_marker(pytest.mark.process)


@dataclass(frozen=True, slots=True)
class Running:
    """A Helium that answers."""

    address: str
    token: str
    database_url: str


@pytest.fixture(scope="session")
def up() -> Generator[Running]:
    home = Path(tempfile.mkdtemp(prefix="helium-test-"))
    home.chmod(0o755)
    port = free_port()
    env = environment(
        {
            "HELIUM_HOME": str(home),
            "HELIUM_PORT": str(port),
            "HELIUM_LOG_FORMAT": "json",
            **write_script(home / "script.json", TURNS),
        }
    )
    log = home / "up.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "helium", "up", "--no-browser"]
        process = subprocess.Popen(command, cwd=BACKEND, env=env, stdout=output, stderr=output)
    address = f"http://127.0.0.1:{port}"
    server = EmbeddedPostgres(home)
    try:
        _wait(process, f"{address}/api/ready", log)
        url = server.url()
        assert url is not None
        yield Running(address, (home / "owner-token").read_text().strip(), url)
        process.terminate()
        assert process.wait(15) == 0, log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()
        server.stop(force=True)
        shutil.rmtree(home, ignore_errors=True)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200 and "Open:" in log.read_text():
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"helium up is not ready:\n{log.read_text()[-3000:]}")
