"""Lines are written together; what is urgent is written at once, and nothing out of order."""

import io
import json
import threading
from collections.abc import Iterator

import pytest
import structlog

from helium.kit import log_lines, logs
from helium.kit.log_context import bound
from helium.kit.log_lines import Lines, Noted
from helium.kit.logs import configure_logging, flush_logs, say
from tests.support.processes import until


def event(noted: Noted) -> str:
    return str(noted.facts["event"])


async def test_what_is_not_urgent_is_written_soon_by_itself() -> None:
    stream = io.StringIO()
    lines = Lines(stream, event)
    for number in range(3):
        lines.note("info", {"event": f"e{number}"})
    await until(lambda: stream.getvalue() == "e0\ne1\ne2\n", "they are written", 5)

    lines.note("info", {"event": "later"})
    await until(lambda: stream.getvalue().endswith("later\n"), "so are those that come after", 5)


def test_who_says_very_much_waits_for_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "WRITE_SECONDS", 3600)
    stream = io.StringIO()
    lines = Lines(stream, event)
    for number in range(log_lines.MOST_NOTED):
        lines.note("info", {"event": str(number)})
    assert stream.getvalue() == ""

    lines.note("info", {"event": "one more"})
    assert stream.getvalue().count("\n") == log_lines.MOST_NOTED + 1


def test_lines_of_several_threads_are_all_written_once() -> None:
    stream = io.StringIO()
    lines = Lines(stream, event)

    def talk(name: str) -> None:
        for number in range(500):
            lines.note("info", {"event": f"{name}{number}"})
            if number % 50 == 0:
                lines.flush()

    threads = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    lines.flush()
    written = stream.getvalue().split()
    assert sorted(written) == sorted(f"{name}{number}" for name in "abcd" for number in range(500))
    for name in "abcd":
        assert [one for one in written if one[0] == name] == [f"{name}{number}" for number in range(500)]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log of a server whose lines are written only when they must be."""
    monkeypatch.setattr(log_lines, "WRITE_SECONDS", 3600)
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    before = structlog.get_config()
    configure_logging("json", "info")
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    flush_logs()
    structlog.configure(**before)


def written(stream: io.StringIO) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [(line["event"], line.get("run_id", "")) for line in lines]


def test_a_warning_is_written_at_once_after_all_that_was_said_before(served: io.StringIO) -> None:
    log = structlog.get_logger()
    with bound(run_id="run_1"):
        log.info("run.released")
    assert written(served) == []

    with bound(run_id="run_2"):
        log.warning("worker.disowned")
    assert written(served) == [("run.released", "run_1"), ("worker.disowned", "run_2")]


def test_what_every_run_says_is_the_same_line_as_a_loggers(served: io.StringIO) -> None:
    with bound(run_id="run_1"):
        say("run.released", status="completed")
        structlog.get_logger().info("run.released", status="completed")
    flush_logs()
    one, other = (json.loads(line) for line in served.getvalue().splitlines())
    assert one.pop("timestamp") <= other.pop("timestamp")
    assert one == other


def test_where_informational_lines_are_not_wanted_nothing_is_said(served: io.StringIO) -> None:
    configure_logging("json", "warning")
    say("run.released")
    flush_logs()
    assert written(served) == []


def test_in_a_terminal_what_every_run_says_goes_the_way_of_all_lines(
    served: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "_log", structlog.get_logger())  # an earlier test's may be kept
    configure_logging("console", "info")
    structlog.configure(cache_logger_on_first_use=False)
    say("run.released")
    assert "run.released" in capsys.readouterr().err


def test_the_end_of_a_process_writes_what_is_left(served: io.StringIO) -> None:
    structlog.get_logger().info("worker.stopped")
    flush_logs()
    assert written(served) == [("worker.stopped", "")]
