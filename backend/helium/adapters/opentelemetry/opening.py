"""Switching traces on, for the life of a process."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from helium.adapters.opentelemetry.tracer import RunTracer
from helium.kit import trace

END_SECONDS = 2.0
PATH = "/v1/traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOptions:
    endpoint: str
    """Base address such as `http://collector:4318`; empty: the one in OTEL_EXPORTER_OTLP_ENDPOINT."""
    ratio: float
    """Share of the runs whose traces are kept, 0 to 1."""
    version: str
    environment: str
    role: str


def wanted(endpoint: str) -> bool:
    """Whether traces are to be sent anywhere."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return bool(endpoint) or any(os.environ.get(name) for name in names)


@asynccontextmanager
async def open_traces(options: TraceOptions, redact: Callable[[str], str]) -> AsyncGenerator[None]:
    """Collect and send this process's spans until the end of the block, which takes two seconds at most."""
    from helium.adapters.opentelemetry.export import Exit  # costs a tenth of a second

    endpoint = _full(options.endpoint) if options.endpoint else None
    resource = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME", "helium"),
        "service.version": options.version,
        "service.instance.id": f"{options.role}-{os.getpid()}",
        "deployment.environment.name": options.environment,
        "helium.role": options.role,
    }
    sink = await asyncio.to_thread(Exit, endpoint, resource, redact)
    try:
        with trace.installed(RunTracer(sink, options.ratio)):
            yield
    finally:
        await _closed(sink.close)


async def _closed(close: Callable[[Callable[[], None]], None]) -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(done.set)

    close(tell)
    try:
        async with asyncio.timeout(END_SECONDS):
            await done.wait()
    except TimeoutError:
        pass


def _full(endpoint: str) -> str:
    base = endpoint.rstrip("/")
    return base if base.endswith(PATH) else base + PATH
