"""Spans as a collector gets them: OTLP over HTTP, decoded from protobuf."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from support.receiver import Receiver
from support.wire import until

PREFIX = "firstry."
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT


@dataclass(frozen=True, slots=True)
class Seen:
    """One span. Ids are hexadecimal; a root has the parent `""`."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    fields: Mapping[str, str | int]
    has_failed: bool
    message: str
    seconds: float


def seen(collector: Receiver) -> list[Seen]:
    """Return every span that has come, in the order in which they began."""
    spans = []
    for message in list(collector.got):
        assert message.headers["content-type"] == "application/x-protobuf"
        content = ExportTraceServiceRequest.FromString(message.body)
        for resource in content.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            assert named["service.name"] == "firstry"
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    return [_seen(span) for span in sorted(spans, key=lambda span: span.start_time_unix_nano)]


def awaited(collector: Receiver, is_there: Callable[[Sequence[Seen]], bool]) -> list[Seen]:
    """Return every span once those that are asked for have come."""
    wait = until()
    while not is_there(spans := seen(collector)):
        wait.more(f"spans; there are {[span.name for span in spans]}")
    return spans


def below(spans: Sequence[Seen], parent: Seen) -> list[Seen]:
    """Return the children of a span, in the order in which they began."""
    return [span for span in spans if span.parent_id == parent.span_id]


def the(spans: Sequence[Seen], name: str) -> Seen:
    """Return the one span of this name."""
    (found,) = [span for span in spans if span.name == name]
    return found


def _seen(span: Span) -> Seen:
    fields: dict[str, str | int] = {}
    for each in span.attributes:
        assert each.key.startswith(PREFIX), each.key
        value = each.value
        kind = value.WhichOneof("value")
        text = value.string_value if kind == "string_value" else value.int_value
        fields[each.key.removeprefix(PREFIX)] = text
    assert not span.events
    assert not span.links
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind,
        fields,
        span.status.code == Status.STATUS_CODE_ERROR,
        span.status.message,
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )
