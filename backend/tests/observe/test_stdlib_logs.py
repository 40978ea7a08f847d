"""What libraries and Python itself say is one redacted line, and nothing of it breaks who says it."""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helium.kit import log_context
from helium.kit.logs import as_json
from helium.kit.redact import Redactor
from helium.kit.stdlib_logs import OneLine, Readable, join_standard_logs
from tests.observe.chatty import LIBRARIES
from tests.observe.receivers import Catcher
from tests.support.processes import BACKEND, FAST, environment, free_port, until

SECRET, CANARY = "sk-secret-51c0", "canary-51c0"
ROLES = ("api", "stream", "worker", "sweeper", "up")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before, level = [(h, h.formatter) for h in root.handlers], root.level
    yield
    root.setLevel(level)
    root.handlers[:] = [handler for handler, _ in before]
    for handler, formatter in before:
        handler.setFormatter(formatter)
    logging.captureWarnings(False)


def redactor() -> Redactor:
    made = Redactor()
    made.learn(SECRET)
    return made


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("asyncpg", logging.WARNING, "x.py", 1, message, arguments, info)
    made.created = 1_795_000_000.25
    return made


def said(message: str, *arguments: object, error: BaseException | None = None) -> dict[str, Any]:
    (line,) = OneLine(redactor(), as_json).format(record(message, *arguments, error=error)).splitlines()
    return json.loads(line)


def test_a_line_has_the_same_keys_as_ours() -> None:
    assert said("pool is %s", "full") == {
        "event": "library.said",
        "logger": "asyncpg",
        "level": "warning",
        "timestamp": "2026-11-18T11:06:40.250000Z",
        "text": "pool is full",
    }


def test_a_line_of_a_run_has_the_runs_ids() -> None:
    with log_context.bound(run_id="run_1", attempt=2):
        line = said("slow")

    assert (line["run_id"], line["attempt"]) == ("run_1", 2)


def test_guard_a_secret_is_taken_out_wherever_it_stands() -> None:
    line = said("%s\nsecond", f'key "{SECRET}"', error=ValueError(SECRET))

    assert line["text"] == 'key "[secret]"'
    assert SECRET not in json.dumps(line)


def test_guard_what_an_exception_says_is_left_out() -> None:
    line = said("failed", error=ValueError(CANARY))

    assert line["exception"] == "ValueError"
    assert CANARY not in json.dumps(line)


def test_guard_further_lines_are_left_out() -> None:
    assert said(f"Task exception was never retrieved\n{CANARY}")["text"] == (
        "Task exception was never retrieved"
    )


class Rude:
    def __str__(self) -> str:
        raise RuntimeError(CANARY)


@pytest.mark.parametrize("argument", [CANARY, Rude()])
def test_guard_a_line_that_cannot_be_put_together_breaks_nobody_and_shows_no_arguments(
    argument: object, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger().handlers[:] = []
    join_standard_logs(logging.INFO, redactor(), as_json)

    logging.getLogger("asyncpg").warning("%d connections", argument)

    line = json.loads(capsys.readouterr().err)
    assert line["text"] == "(cannot be put together) %d connections"
    assert CANARY not in json.dumps(line)


@pytest.mark.parametrize("logger", LIBRARIES)
def test_every_library_writes_one_line_from_warnings_on(
    logger: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A client of Google's that some other test made may have cut it off; ours join it again.
    monkeypatch.setattr(logging.getLogger("google"), "propagate", True)
    logging.getLogger().handlers[:] = []
    join_standard_logs(logging.DEBUG, redactor(), as_json)

    logging.getLogger(logger).info("%s", CANARY)
    logging.getLogger(logger).warning("%s is away", SECRET)

    (written,) = capsys.readouterr().err.splitlines()
    line = json.loads(written)
    assert (line["logger"], line["level"], line["text"]) == (logger, "warning", "[secret] is away")


def test_handlers_that_are_there_are_kept_and_write_as_we_do() -> None:
    own = logging.NullHandler()
    logging.getLogger().handlers[:] = [own]

    join_standard_logs(logging.INFO, redactor(), as_json)

    assert logging.getLogger().handlers == [own]
    assert isinstance(own.formatter, OneLine)


def test_a_terminal_shows_all_but_secrets() -> None:
    error = ValueError(f"{CANARY} {SECRET}")

    shown = Readable(redactor()).format(record(f"{CANARY} %s", SECRET, error=error))

    assert shown == f"WARNING:asyncpg:{CANARY} [secret]\nValueError: {CANARY} [secret]"


PROGRAM = """
import logging, sys, threading, warnings
from helium.kit.logs import as_json, configure_logging
from helium.kit.redact import Redactor
from helium.kit.stdlib_logs import join_standard_logs
known = Redactor()
known.learn({secret!r})
configure_logging("json", "info", known)
join_standard_logs(logging.INFO, known, as_json)
def fail(): raise ValueError({canary!r} + {secret!r})
class Dying:
    def __del__(self): fail()
warnings.warn("old " + {secret!r})
thread = threading.Thread(target=fail, name="sender")
thread.start()
thread.join()
Dying()
fail()
"""


def test_guard_what_nobody_caught_is_a_line_without_its_text() -> None:
    program = PROGRAM.format(secret=SECRET, canary=CANARY)
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=BACKEND,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert ran.returncode == 1
    assert [line["event"] for line in lines] == [
        *("library.said", "thread.failed", "process.unraisable", "process.failed")
    ]
    assert [line["level"] for line in lines] == ["warning", "error", "warning", "critical"]
    assert lines[0]["text"].endswith("UserWarning: old [secret]")
    assert all(line["exception"].endswith("ValueError") for line in lines[1:])
    assert all(line["timestamp"] for line in lines)
    assert CANARY not in ran.stderr
    assert SECRET not in ran.stderr


@contextmanager
def chatty(role: str, home: Path, url: str, traces: str) -> Generator[tuple[subprocess.Popen[bytes], Path]]:
    """A process of this role, whose key for traces its libraries will say."""
    own = {
        "HELIUM_HOME": str(home),
        "HELIUM_DATABASE_URL": url,
        "HELIUM_LOG_FORMAT": "json",
        "HELIUM_PORT": str(free_port()),
        "HELIUM_TRACES__ENDPOINT": traces,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={SECRET}",
        "CHATTY_SAYS": SECRET,
    }
    more = ("--no-browser",) if role == "up" else ()
    written = home / "log"
    with written.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.observe.chatty", role, *more],
            cwd=BACKEND,
            env=environment({**FAST, **own}),
            stdout=said,
            stderr=said,
        )
        try:
            yield process, written
        finally:
            process.kill()
            process.wait(timeout=10)


@pytest.mark.postgres
@pytest.mark.process
@pytest.mark.parametrize("role", ROLES)
async def test_in_every_role_what_libraries_say_is_one_json_line_each_without_secrets(
    role: str, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    started = "Helium is running" if role == "up" else f"{role}.started"
    with chatty(role, tmp_path, database_url, caught.address) as (process, written):
        await until(lambda: started in written.read_text(), "its start")
        process.send_signal(signal.SIGUSR1)
        await until(lambda: '"failed"' in written.read_text(), "the last of its libraries")
        text = written.read_text()

    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    told = [line for line in lines if line["event"] == "library.said"]
    assert [line["logger"] for line in told] == [*LIBRARIES, "asyncpg"]
    assert {line["text"] for line in told} == {"[secret] is away", "failed"}
    assert [line["level"] for line in told] == [*["warning"] * len(LIBRARIES), "error"]
    assert told[-1]["exception"].endswith("ValueError")
    assert SECRET not in text
