"""Spans in OTLP's words: protobuf, as `opentelemetry-proto` defines it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from helium.adapters.opentelemetry.tracer import Ended
from helium.adapters.opentelemetry.words import Value, attributes_of, name_of

Kind = Span.SpanKind
KINDS: Mapping[str, int] = {
    "request": Kind.SPAN_KIND_SERVER,
    "accept": Kind.SPAN_KIND_PRODUCER,
    "delivery": Kind.SPAN_KIND_CONSUMER,
    "model": Kind.SPAN_KIND_CLIENT,
}
SAMPLED, KNOWS_ITS_PARENTS_PLACE, PARENT_IS_ELSEWHERE = 0x01, 0x100, 0x200
# Spans whose parent may have been made in another process.
_FROM_ELSEWHERE = ("attempt", "lost_attempt", "delivery")


def encode(ended: Sequence[Ended], resource: Mapping[str, str], redact: Callable[[str], str]) -> bytes:
    """The body of a request to `/v1/traces`."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    _attributes(group.resource, resource)
    scope = group.scope_spans.add()
    scope.scope.name = "helium"
    for one in ended:
        _span(scope.spans.add(), one, redact)
    return request.SerializeToString()


def _span(span: Any, ended: Ended, redact: Callable[[str], str]) -> None:
    span.trace_id = ended.trace_id.to_bytes(16, "big")
    span.span_id = ended.span_id.to_bytes(8, "big")
    span.name = redact(name_of(ended.what, ended.facts))
    span.kind = KINDS.get(ended.what, Kind.SPAN_KIND_INTERNAL)
    span.start_time_unix_nano = ended.started_ns
    span.end_time_unix_nano = max(ended.ended_ns, ended.started_ns)
    span.flags = SAMPLED | KNOWS_ITS_PARENTS_PLACE
    if ended.parent_id is not None:
        span.parent_span_id = ended.parent_id.to_bytes(8, "big")
        if ended.caller is not None or ended.what in _FROM_ELSEWHERE:
            span.flags |= PARENT_IS_ELSEWHERE
    for trace_id, span_id in ended.links:
        span.links.add(trace_id=trace_id.to_bytes(16, "big"), span_id=span_id.to_bytes(8, "big"))
    if ended.error is not None:
        span.status.code = Status.StatusCode.STATUS_CODE_ERROR
    _attributes(span, attributes_of(ended.what, ended.facts, ended.error, redact))


def _attributes(owner: Any, attributes: Mapping[str, Value]) -> None:
    for name, value in attributes.items():
        pair = owner.attributes.add()
        pair.key = name
        match value:
            case str():
                pair.value.string_value = value
            case int():
                pair.value.int_value = value
            case float():
                pair.value.double_value = value
            case _:
                pair.value.array_value.values.extend(AnyValue(string_value=part) for part in value)
