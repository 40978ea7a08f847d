"""A line is JSON for machines and readable in a terminal; its ids are there, and no text of anybody."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from helium.kit.logs import LogFormat, configure_logging, flush_logs
from helium.kit.raised import chain, textless

CANARY = "canary-51c0"


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


def fail(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> str:
    """What a line about an exception that quotes somebody looks like."""
    configure_logging(form, "info")
    structlog.configure(cache_logger_on_first_use=False)
    try:
        int(CANARY)
    except ValueError:
        structlog.get_logger().exception("tool.failed", tool="notes")
    return capsys.readouterr().err


def test_a_machine_is_not_told_what_an_exception_says(capsys: pytest.CaptureFixture[str]) -> None:
    written = fail("json", capsys)
    line: dict[str, Any] = json.loads(written)
    assert (line["event"], line["level"], line["tool"]) == ("tool.failed", "error", "notes")
    place, kind = line["exception"].splitlines()
    assert place.strip().startswith("observe/test_logs.py:")
    assert place.endswith("in fail")
    assert kind == "ValueError"
    assert CANARY not in written


def test_a_terminal_shows_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    shown = fail("console", capsys)
    assert "tool.failed" in shown
    assert CANARY in shown, "it is the person's own screen"


def test_values_that_json_does_not_have_do_not_break_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "info")
    structlog.configure(cache_logger_on_first_use=False)
    structlog.get_logger().info("run.claimed", huge=1 << 80, kind=ValueError)
    flush_logs()
    line = json.loads(capsys.readouterr().err)
    assert (line["huge"], "ValueError" in str(line["kind"])) == (1 << 80, True)


def test_an_exception_without_its_text_shows_the_whole_chain_once() -> None:
    first, second = ValueError(CANARY), RuntimeError(CANARY)
    first.__cause__, second.__context__ = second, first
    assert [link.type for link in chain(first)] == ["ValueError", "RuntimeError"]
    assert textless(first) == "ValueError\nfrom\nRuntimeError"
