"""Defects of ours are reported, with ids and places and without a word of anybody; nothing else is."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from helium.adapters.sentry import ErrorOptions, open_errors
from helium.adapters.sentry.opening import DsnInvalid
from helium.adapters.sentry.reporter import PER_MINUTE, Reporter
from helium.kit.log_context import bound
from helium.kit.logs import configure_logging, report_defect
from helium.kit.redact import Redactor
from tests.observe.receivers import Catcher

CANARY = "canary-9b21"


@pytest.fixture(autouse=True)
def logging_of_a_server() -> Any:
    before = structlog.get_config()
    configure_logging("json", "info")
    structlog.configure(cache_logger_on_first_use=False)
    yield
    structlog.configure(**before)


@asynccontextmanager
async def reporting(caught: Catcher, redactor: Redactor | None = None) -> AsyncGenerator[Reporter]:
    options = ErrorOptions(dsn=caught.dsn, release="1.2.3", environment="production", role="worker")
    async with open_errors(options, (redactor or Redactor()).redact) as reporter:
        yield reporter


async def fails(text: str) -> None:
    try:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise ValueError(f"cannot use {text}") from error
    except ValueError:
        structlog.get_logger().exception("tool.failed", tool="notes", arguments=text)


async def test_a_defect_has_its_place_and_its_run_and_no_text(caught: Catcher) -> None:
    async with reporting(caught):
        with bound(run_id="run_1", request_id="req_1"):
            await fails(CANARY)

    (event,) = caught.events()
    first, last = event["exception"]["values"]
    assert (first["type"], last["type"]) == ("KeyError", "ValueError")
    assert "value" not in last
    assert last["stacktrace"]["frames"][-1]["function"] == "fails"
    assert "vars" not in last["stacktrace"]["frames"][-1]
    assert event["tags"] == {"run_id": "run_1", "request_id": "req_1", "tool": "notes"}
    assert (event["release"], event["environment"], event["server_name"]) == (
        "1.2.3",
        "production",
        "worker",
    )
    assert (event["message"]["formatted"], event["transaction"]) == ("tool.failed", "tool.failed")
    assert {"request", "breadcrumbs", "user", "modules", "extra"} & set(event) == set()
    assert CANARY not in b"".join(caught.bodies).decode()


async def test_an_error_without_an_exception_is_a_defect_and_a_warning_is_none(caught: Catcher) -> None:
    log = structlog.get_logger()
    async with reporting(caught):
        log.info("run.claimed")
        log.warning("bus.away")
        log.error("lease.loop_stuck", seconds=61)

    assert [event["message"]["formatted"] for event in caught.events()] == ["lease.loop_stuck"]


async def test_a_secret_in_a_tag_is_taken_out(caught: Catcher) -> None:
    redactor = Redactor()
    redactor.learn("sk-very-secret")
    async with reporting(caught, redactor) as reporter:
        reporter.defect("tool.failed", {"tool": "x sk-very-secret"}, None)

    assert caught.events()[0]["tags"] == {"tool": "x [secret]"}


async def test_a_defect_in_a_loop_is_not_reported_for_ever(caught: Catcher) -> None:
    sent: list[object] = []

    class Client:
        def capture_event(self, event: object) -> None:
            sent.append(event)

    reporter = Reporter(Client(), str)
    for _ in range(3 * PER_MINUTE):
        reporter.defect("run.error", {}, None)
    assert PER_MINUTE <= len(sent) <= 2 * PER_MINUTE, "a minute may end meanwhile"


async def test_a_dsn_that_is_none_is_said_without_it() -> None:
    options = ErrorOptions(dsn=f"http://{CANARY}", release="1", environment="production", role="api")
    with pytest.raises(DsnInvalid) as refused:
        async with open_errors(options, str):
            pass
    assert CANARY not in str(refused.value)


async def test_a_group_and_a_chain_are_reported_with_their_parts(caught: Catcher) -> None:
    async def part(error: Exception) -> None:
        raise error

    async with reporting(caught) as reporter:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(part(OSError(111, CANARY, CANARY)))
                group.create_task(part(LookupError(CANARY)))
        except ExceptionGroup as error:
            reporter.defect("run.error", {}, error)

    values = caught.events()[0]["exception"]["values"]
    assert [value["type"] for value in values] == [
        "LookupError",
        "ConnectionRefusedError",
        "ExceptionGroup",
    ]
    assert values[1]["value"] == "[Errno 111] Connection refused"
    assert CANARY not in str(values)


def test_nothing_is_done_for_a_line_that_is_no_error() -> None:
    line = {"event": "run.claimed"}
    assert report_defect(None, "info", line) is line
