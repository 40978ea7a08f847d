"""The README's examples, run as they stand against a real `helium up`."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()
pytestmark = [pytest.mark.postgres, pytest.mark.process]


@dataclass(frozen=True)
class Server:
    port: str
    token: str

    def fill_in(self, block: str) -> str:
        """The block with this server's address and token for those that a reader has."""
        block = block.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        return block.replace("$(.venv/bin/helium token)", self.token)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    home = Path(tempfile.mkdtemp(prefix="helium-readme-"))
    home.chmod(0o755)  # root's database server runs as another account
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "HELIUM_HOME": str(home / "data"), "HELIUM_PORT": port}
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "helium", "up", "--no-browser"],
        cwd=ROOT / "backend",
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = next(line for line in process.stdout if "#token=" in line)
    try:
        yield Server(port, address.strip().partition("#token=")[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)
        process.stdout.close()
        shutil.rmtree(home)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_curl_example_answers(server: Server) -> None:
    (block,) = blocks("sh")
    ran = subprocess.run(
        ["/bin/sh", "-ec", server.fill_in(block)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "6 * 7 = 42." in ran.stdout


def test_the_python_examples_stream_and_resume(server: Server) -> None:
    code = server.fill_in("\n".join(blocks("python")))
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HELIUM_TOKEN": server.token},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "in Tokyo" in ran.stdout
    numbers = [int(n) for n in re.findall(r"(\d+) response\.", ran.stdout)]
    assert numbers == list(range(11, numbers[-1] + 1))
    assert ran.stdout.rstrip().endswith("response.completed")
