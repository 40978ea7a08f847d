"""Structured logs: JSON for machines, a readable line in a terminal."""

import logging
import sys
from typing import Literal

import structlog

from helium.kit.redact import Redactor

LogFormat = Literal["auto", "json", "console"]


def configure_logging(form: LogFormat, level: str, redactor: Redactor | None = None) -> None:
    """Write to stderr from here on; `auto` is readable in a terminal and JSON elsewhere. What the
    redactor knows, then or later, is taken out of every line."""
    redactor = redactor or Redactor()
    readable = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
            redactor,  # pyright: ignore[reportArgumentType] - after the renderer it gets a text
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(redactor.filter)
