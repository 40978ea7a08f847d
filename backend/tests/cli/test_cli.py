"""The commands as a person runs them: real processes, a data directory of their own."""

import os
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

BACKEND = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.postgres, pytest.mark.process]


@dataclass(frozen=True)
class Shell:
    """Runs `helium …` with a home and a port of its own."""

    environment: dict[str, str]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "helium", *arguments],
            cwd=BACKEND,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    home = Path(tempfile.mkdtemp(prefix="helium-cli-"))
    home.chmod(0o755)  # root's database server runs as another account
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HELIUM_")}
    shell = Shell(
        {**environment, "HELIUM_HOME": str(home / "data"), "HELIUM_PORT": free_port(), "COLUMNS": "100"}
    )
    yield shell
    shell.run("db", "stop", "--force")
    shutil.rmtree(home)


def test_a_question_is_answered_without_a_server_and_can_be_seen_again(shell: Shell) -> None:
    asked = shell.run("run", "calculate 6 * 7")
    assert asked.returncode == 0, asked.stderr
    assert "6 * 7 = 42." in asked.stdout
    run_id = next(word for word in asked.stdout.split() if word.startswith("run_"))

    again = shell.run("tail", run_id)
    assert (again.returncode, "6 * 7 = 42." in again.stdout) == (0, True)
    listed = shell.run("runs")
    assert run_id in listed.stdout
    assert "completed" in listed.stdout


def test_the_token_is_the_same_each_time_and_only_the_owner_can_read_it(shell: Shell) -> None:
    first, second = shell.run("token"), shell.run("token")
    assert first.stdout == second.stdout
    assert first.stdout.startswith("hel_live_")
    file = Path(shell.environment["HELIUM_HOME"]) / "owner-token"
    assert oct(file.stat().st_mode & 0o777) == "0o600"


def test_the_doctor_finds_a_working_helium(shell: Shell) -> None:
    found = shell.run("doctor")
    assert found.returncode == 0, found.stdout
    assert "PostgreSQL 18" in found.stdout
    assert "consistent" in found.stdout


def test_the_doctor_says_what_to_do_about_a_database_that_is_away(shell: Shell) -> None:
    found = shell.run("doctor", HELIUM_DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    assert (found.returncode, "does not answer" in found.stdout) == (1, True)


def test_the_database_commands(shell: Shell) -> None:
    assert shell.run("db", "path").stdout.strip() == shell.environment["HELIUM_HOME"] + "/postgres"
    assert shell.run("db", "stop").returncode == 0
    assert shell.run("migrate").stdout.startswith("The schema")
    assert shell.run("db", "reset", "--yes").returncode == 0
    assert "No runs yet" in shell.run("runs").stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (("up",), {"HELIUM_PORT": "99999"}, "HELIUM_PORT should be less than or equal to 65535"),
        (("up",), {"HELIUM_PORTT": "1", "HELIUM_HOST": "203.0.113.1"}, "Cannot listen on 203.0.113.1"),
        (("tail", "run_nonsense"), {}, "There is no run 'run_nonsense'."),
        (("run", "x", "--agent", "nobody"), {}, "There is no agent 'nobody'"),
        (("db", "path"), {"HELIUM_DATABASE_URL": "postgresql://x"}, "HELIUM_DATABASE_URL is set"),
        (("token",), {"HELIUM_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "does not answer"),
    ],
)
def test_an_error_is_one_sentence_that_says_what_to_do(
    shell: Shell, arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    failed = shell.run(*arguments, **environment)
    assert (failed.returncode, sentence in failed.stderr) == (1, True), failed.stderr
    assert "Traceback" not in failed.stderr


def test_up_prints_its_address_and_drains_on_sigterm(shell: Shell) -> None:
    port = shell.environment["HELIUM_PORT"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "helium", "up", "--no-browser"],
        cwd=BACKEND,
        env=shell.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = next(line for line in process.stdout if "#token=" in line)
        assert address.strip().startswith(f"http://127.0.0.1:{port}/#token=hel_live_")
        taken = shell.run("up", "--no-browser")
        assert (taken.returncode, "set HELIUM_PORT" in taken.stderr) == (1, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=12) == 0
    finally:
        process.kill()
        process.stdout.close()
