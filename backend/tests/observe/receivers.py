"""Servers that catch what Helium sends: traces over OTLP, reports in Sentry's envelopes."""

import gzip
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """A span as it arrived."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    started_ns: int
    ended_ns: int
    failed: bool
    attributes: Attributes
    resource: Attributes
    links: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Catcher:
    """A server on a port of this machine. `bodies` is all that it was sent, as text to search in."""

    port: int = 0
    status: int = 200
    hold: threading.Event | None = None
    """Set: it answers only when this is set, or at its end."""
    paths: list[str] = field(default_factory=list[str])
    bodies: list[bytes] = field(default_factory=list[bytes])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        return f"http://publickey@127.0.0.1:{self.port}/7"

    def spans(self) -> list[Caught]:
        found: list[Caught] = []
        for path, body in zip(self.paths, list(self.bodies), strict=False):
            if path == "/v1/traces":
                request = ExportTraceServiceRequest()
                request.ParseFromString(body)
                found.extend(_spans(request))
        return found

    def trace(self, run_id: str) -> list[Caught]:
        """The spans of a run's trace, in the order in which they began."""
        digits = UUID(run_id.partition("_")[2]).hex
        return sorted((s for s in self.spans() if s.trace_id == digits), key=lambda s: s.started_ns)

    def events(self) -> list[dict[str, Any]]:
        """What Sentry would show: the events in the envelopes."""
        found: list[dict[str, Any]] = []
        for path, body in zip(self.paths, list(self.bodies), strict=False):
            if path.startswith("/api/") and path.endswith("/envelope/"):
                lines = body.split(b"\n")
                kinds = [json.loads(line).get("type") for line in lines[1:-1:2]]
                payloads = [json.loads(line) for line in lines[2::2] if line]
                found += [p for k, p in zip(kinds, payloads, strict=False) if k == "event"]
        return found


def _spans(request: ExportTraceServiceRequest) -> Generator[Caught]:
    for resource in request.resource_spans:
        where = _attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Caught(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    kind=span.kind,
                    started_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                    failed=span.status.code == 2,
                    attributes=_attributes(span.attributes),
                    resource=where,
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                )


def _attributes(pairs: Any) -> Attributes:
    found: Attributes = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        found[pair.key] = [v.string_value for v in value.values] if kind == "array_value" else value
    return found


@contextmanager
def catcher() -> Generator[Catcher]:
    caught = Catcher()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            caught.bodies.append(body)
            caught.paths.append(self.path)
            if caught.hold is not None:
                caught.hold.wait(30)
            self.send_response(caught.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # whoever asked was killed, or gave up

    server = Quiet(("127.0.0.1", 0), Answer)
    caught.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield caught
    finally:
        if caught.hold is not None:
            caught.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


def is_one_tree(spans: list[Caught]) -> bool:
    """Whether every span but one stands under another one of these, and no id is given twice."""
    ids = [span.span_id for span in spans]
    roots = [span for span in spans if not span.parent_id]
    known = set(ids)
    return (
        len(roots) == 1
        and len(known) == len(ids)
        and all(s.parent_id in known or s in roots for s in spans)
    )
