"""The way out: the SDK's batches, in its own thread, to an OTLP endpoint that may be away.

What cannot be sent is dropped: oldest first when the queue is full, and a batch after ten seconds of tries.
Nobody waits for it. The SDK's spans and its encoder are not used: they cost 30 µs each for a span, of which
a run has eight; ours cost 4 µs where the run is executed and 9 µs in that thread.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from helium.adapters.opentelemetry.encoding import encode
from helium.adapters.opentelemetry.tracer import Ended

log = structlog.get_logger()
QUEUE_SPANS = 8192
BATCH_SPANS = 512
EVERY_MILLISECONDS = 1000
TIMEOUT_SECONDS = 10.0
# What the SDK's batches ask of a span: whether it is to be sent. The tracer has decided that.
_SAMPLED = SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
_UNUSED = Resource.get_empty()


class Sent(ReadableSpan):
    """A span on its way through the SDK's batches."""

    def __init__(self, ended: Ended) -> None:
        super().__init__("", _SAMPLED, resource=_UNUSED)
        self.ended = ended


class Exporter(OTLPSpanExporter):
    """The SDK's connection with our encoding. It says once that the endpoint is away, and once that it
    is back; the SDK tells every try."""

    def __init__(
        self, endpoint: str | None, resource: Mapping[str, str], redact: Callable[[str], str]
    ) -> None:
        super().__init__(endpoint=endpoint, timeout=TIMEOUT_SECONDS)
        self._described = {
            str(key): str(value) for key, value in Resource.create(resource).attributes.items()
        }
        self._redact = redact
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        ended = [span.ended for span in spans if isinstance(span, Sent)]
        if self._client.export(encode(ended, self._described, self._redact)).success:
            if self._lost:
                log.info("traces.back", lost_spans=self._lost)
            self._lost = 0
            return SpanExportResult.SUCCESS
        if not self._lost:
            log.warning("traces.away")
        self._lost += len(spans)
        return SpanExportResult.FAILURE


class Exit:
    """Sends spans that ended: `tracer.Sink`."""

    def __init__(
        self, endpoint: str | None, resource: Mapping[str, str], redact: Callable[[str], str]
    ) -> None:
        """With no `endpoint` the SDK's own variables name it. Reads files: not for the event loop."""
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._batches = BatchSpanProcessor(
            Exporter(endpoint, resource, redact),
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=EVERY_MILLISECONDS,
            max_export_batch_size=BATCH_SPANS,
        )

    def __call__(self, ended: Ended) -> None:
        self._batches.on_end(Sent(ended))

    def close(self, done: Callable[[], None]) -> None:
        """Send what is left, in a thread that holds up nothing; `done` is called at its end."""

        def shut_down() -> None:
            self._batches.shutdown()
            done()

        threading.Thread(target=shut_down, name="helium-traces-end", daemon=True).start()
