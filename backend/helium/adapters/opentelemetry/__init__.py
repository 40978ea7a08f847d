"""Spans to whatever speaks OTLP over HTTP. Nothing here is imported before an endpoint is set."""

from helium.adapters.opentelemetry.opening import TraceOptions, open_traces, wanted

__all__ = ["TraceOptions", "open_traces", "wanted"]
