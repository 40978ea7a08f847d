"""Switching error reports on, for the life of a process."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from helium.adapters.sentry.reporter import Reporter
from helium.kit.logs import reporting

END_SECONDS = 2.0


class DsnInvalid(Exception):
    """The DSN is none, or the package that speaks to it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorOptions:
    dsn: str
    release: str
    environment: str
    role: str


@asynccontextmanager
async def open_errors(options: ErrorOptions, redact: Callable[[str], str]) -> AsyncGenerator[Reporter]:
    """Report what this process logs as an error until the end of the block, which takes two seconds at
    most. Raises `DsnInvalid`, whose text does not hold the DSN."""
    reporter = await asyncio.to_thread(_reporter, options, redact)
    try:
        with reporting(reporter.defect):
            yield reporter
    finally:
        ended = threading.Thread(target=reporter.close, args=(END_SECONDS,), daemon=True)
        ended.start()
        await asyncio.to_thread(ended.join, END_SECONDS)


def _reporter(options: ErrorOptions, redact: Callable[[str], str]) -> Reporter:
    try:
        from sentry_sdk.client import Client  # costs a third of a second
        from sentry_sdk.utils import BadDsn
    except ImportError:
        raise DsnInvalid(
            "Errors are to be reported, but the package sentry-sdk is not installed."
        ) from None
    try:
        client = Client(
            dsn=options.dsn,
            release=options.release,
            environment=options.environment,
            server_name=options.role,
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            send_client_reports=False,
            include_local_variables=False,
            include_source_context=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            traces_sample_rate=None,
            propagate_traces=False,
            spotlight=False,
            shutdown_timeout=END_SECONDS,
        )
    except BadDsn:
        raise DsnInvalid("The DSN for error reports is not of the form https://key@host/project.") from None
    return Reporter(client, redact)
