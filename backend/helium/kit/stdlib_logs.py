"""What libraries and Python itself say, in the form of our own lines and through the same redaction.

A library's line is `library.said`. For machines it is one line, whatever it says: further lines, and what
exceptions say, are left out, because they may quote a person. A line that its library cannot even put
together neither breaks whoever wrote it nor shows its arguments.
"""

import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

import structlog

from helium.kit import log_context
from helium.kit.raised import textless
from helium.kit.redact import Redactor

if TYPE_CHECKING:
    from structlog.typing import EventDict

log = structlog.get_logger()
Render = Callable[[object, str, "EventDict"], str]
"""A processor of structlog: from facts to a line."""


def join_standard_logs(level: int, redactor: Redactor, render: Render | None) -> None:
    """Let the standard library's logging write as `render` does, from `level` on, at least warnings.

    None: readable, for a terminal. Handlers that are there (a function's platform has its own) are kept.
    For machines Python's warnings, and exceptions that nobody caught, become lines too, unless somebody
    else has taken them over.
    """
    formatter = Readable(redactor) if render is None else OneLine(redactor, render)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stderr))
    root.setLevel(max(level, logging.WARNING))
    for handler in root.handlers:
        handler.setFormatter(formatter)
    if render is not None:
        logging.captureWarnings(True)
        _take_over_hooks()


class Readable(logging.Formatter):
    """As Python writes it."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(logging.BASIC_FORMAT)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(super().format(record))


class OneLine(logging.Formatter):
    """Never raises: `logging` would then show the line's arguments by itself."""

    def __init__(self, redactor: Redactor, render: Render) -> None:
        super().__init__()
        self._redactor = redactor
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "event": "library.said",
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "text": _first_line(record),
            **log_context.ids(),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["exception"] = textless(error)
        return self._redactor.redact(self._render(None, record.levelname.lower(), line))


def _first_line(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().partition("\n")[0]
    except Exception:  # noqa: BLE001 - what a library gave as an argument may raise anything
        return f"(cannot be put together) {record.msg!s:.200}".partition("\n")[0]


def _take_over_hooks() -> None:
    """Only where nobody did before."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _uncaught_in_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, Exception):
        log.critical("process.failed", exc_info=error)
    else:
        sys.__excepthook__(kind, error, trace)


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and isinstance(told.exc_value, Exception):
        log.error("thread.failed", thread=told.thread.name if told.thread else "", exc_info=told.exc_value)


def _unraisable(told: "sys.UnraisableHookArgs") -> None:
    log.warning("process.unraisable", exc_info=told.exc_value)
