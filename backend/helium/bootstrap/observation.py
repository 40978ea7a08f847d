"""What others are told of this process: traces and errors, each only if it is asked for."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helium import __version__
from helium.api.middleware import App
from helium.api.page_errors import PATH, page_errors
from helium.bootstrap.secrets import redactor, resolved
from helium.features.product import Product
from helium.kit.clock import Clock
from helium.kit.metrics.instruments import PROCESS_STARTS
from helium.settings import Settings, SettingsInvalid

if TYPE_CHECKING:
    from helium.adapters.sentry import Reporter


SERVES_PAGE = ("all", "api")
PRODUCTION_RATIO = 0.05
"""A kept run's spans cost a quarter of a short run's CPU time; a twentieth of them costs one percent."""


@dataclass(frozen=True, slots=True)
class Observation:
    reporter: "Reporter | None" = None

    def routes(self, product: Product) -> dict[str, App]:
        """Where the page tells of its own defects, if anybody wants to know."""
        return {} if self.reporter is None else {PATH: page_errors(product, self.reporter.page_error)}


def ratio_of(settings: Settings) -> float:
    """The share of the runs whose traces are kept."""
    if settings.traces.ratio is not None:
        return settings.traces.ratio
    return PRODUCTION_RATIO if settings.environment == "production" else 1.0


@asynccontextmanager
async def open_observation(settings: Settings, clock: Clock, role: str) -> AsyncGenerator[Observation]:
    """Traces and error reports until the end of the block; the process's start is counted. Raises
    `SettingsInvalid`."""
    PROCESS_STARTS.of(role).add()
    from helium.adapters import opentelemetry  # the SDK is imported only if it is used

    async with AsyncExitStack() as stack:
        reporter = await _errors(stack, settings, clock, role)
        if opentelemetry.wanted(settings.traces.endpoint):
            options = opentelemetry.TraceOptions(
                endpoint=settings.traces.endpoint,
                ratio=ratio_of(settings),
                version=settings.errors.release or __version__,
                environment=settings.environment,
                role=role,
            )
            for pair in os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(","):
                redactor.learn(pair.partition("=")[2])
            try:
                await stack.enter_async_context(opentelemetry.open_traces(options, redactor.redact))
            except ImportError:
                raise SettingsInvalid(
                    "Traces are to be sent, but the package opentelemetry-exporter-otlp-proto-http is not"
                    " installed."
                ) from None
        yield Observation(reporter if role in SERVES_PAGE else None)


async def _errors(stack: AsyncExitStack, settings: Settings, clock: Clock, role: str) -> "Reporter | None":
    own = settings.errors.dsn.get_secret_value() if settings.errors.dsn else ""
    given = own or os.environ.get("SENTRY_DSN", "")
    if not given:
        return None
    from helium.adapters import sentry
    from helium.adapters.sentry.opening import DsnInvalid

    dsn = await resolved(settings, clock, "HELIUM_ERRORS__DSN", given)
    redactor.learn(dsn)
    options = sentry.ErrorOptions(
        dsn=dsn,
        release=settings.errors.release or __version__,
        environment=settings.environment,
        role=role,
    )
    try:
        return await stack.enter_async_context(sentry.open_errors(options, redactor.redact))
    except DsnInvalid as error:
        raise SettingsInvalid(f"HELIUM_ERRORS__DSN: {error}") from None
