"""Structured logs: JSON for machines, a readable line in a terminal."""

import json
import logging
import sys
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import structlog

from helium.kit.log_context import merge_ids
from helium.kit.log_lines import Lines, Noted
from helium.kit.raised import textless
from helium.kit.redact import Redactor
from helium.kit.stdlib_logs import join_standard_logs

LogFormat = Literal["auto", "json", "console"]
Line = MutableMapping[str, Any]
Report = Callable[[str, Line, BaseException | None], None]
"""Told of each defect of ours: the event's name, its facts and ids, and what was raised."""

_lines: Lines | None = None
_direct: Lines | None = None
"""The same, while informational lines for machines are wanted."""
_reports: list[Report] = []
_log = structlog.get_logger()
_URGENT = ("warning", "error", "exception", "critical")
_DEFECTS = ("error", "exception", "critical")
_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure_logging(form: LogFormat, level: str, redactor: Redactor | None = None) -> None:
    """Write to stderr from here on; `auto` is readable in a terminal and JSON elsewhere. What the
    redactor knows, then or later, is taken out of every line. A terminal also shows what exceptions
    say; elsewhere that is left out, because it may quote a person."""
    redactor = redactor or Redactor()
    readable = form == "console" or (form == "auto" and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=_for_people(redactor) if readable else [_for_machines(redactor)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        if readable
        else structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    global _direct
    _direct = None if readable or number > logging.INFO else _lines
    join_standard_logs(number, redactor, None if readable else as_json)


def say(event: str, **facts: Any) -> None:
    """`log.info` for what every request or run says: to the same place, past structlog's steps, which
    take longer than all the rest of it."""
    if _direct is None:
        _log.info(event, **facts)
    else:
        facts["event"] = event
        _direct.note("info", facts)


def flush_logs() -> None:
    """Write every line that was said so far, such as before the process ends."""
    if _lines is not None:
        _lines.flush()


def _for_people(redactor: Redactor) -> list[structlog.typing.Processor]:
    return [
        merge_ids,
        structlog.processors.add_log_level,
        report_defect,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(),
        redactor,  # pyright: ignore[reportReturnType] - after the renderer it gets a text
    ]


def _for_machines(redactor: Redactor) -> structlog.typing.Processor:
    """One processor that notes each line; what is urgent is complete, and written, when it returns."""
    global _lines
    flush_logs()
    lines = _lines = Lines(sys.stderr, lambda noted: redactor.redact(json_line(noted)))

    def note(logger: object, method: str, facts: Line) -> tuple[tuple[()], dict[str, Any]]:
        urgent = method in _URGENT or "exc_info" in facts
        if urgent:
            merge_ids(logger, method, facts)
            without_text(logger, method, report_defect(logger, method, facts))
        lines.note(method, dict(facts))
        if urgent:
            lines.flush()
        return (), {}

    return note


def json_line(noted: Noted) -> str:
    """The line, with the ids that were bound when it was said."""
    line: Line = {
        "event": noted.facts.pop("event", ""),
        "level": "error" if noted.method == "exception" else noted.method,
        "timestamp": datetime.fromtimestamp(noted.at, UTC).isoformat().replace("+00:00", "Z"),
        **noted.ids,
        **noted.facts,
    }
    return as_json(None, noted.method, line)


@contextmanager
def reporting(report: Report) -> Generator[None]:
    """Tell `report` of every defect that is logged until the end of the block. It must not wait."""
    _reports.append(report)
    try:
        yield
    finally:
        _reports.remove(report)


def report_defect(logger: object, method: str, line: Line) -> Line:
    """A processor of structlog: what is logged as an error is a defect of ours, and is reported."""
    if _reports and method in _DEFECTS:
        error = _exception(line.get("exc_info"))
        for report in _reports:
            report(str(line.get("event")), line, error)
    return line


def without_text(logger: object, method: str, line: Line) -> Line:
    """A processor of structlog: the exception's kind and place, and nothing that it says."""
    info = line.pop("exc_info", None)
    if info:
        error = _exception(info)
        line["exception"] = textless(error) if error is not None else ""
    return line


def as_json(logger: object, method: str, line: Line) -> str:
    try:
        return _encode(line).decode()
    except (TypeError, ValueError):  # a key or a number that JSON does not have
        return json.dumps(line, default=str)


def _exception(info: object) -> BaseException | None:
    match info:
        case BaseException():
            return info
        case (_, BaseException() as error, _):
            return error
        case _ if info:
            return sys.exc_info()[1]
        case _:
            return None
