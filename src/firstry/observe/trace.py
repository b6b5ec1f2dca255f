"""Spans by OpenTelemetry, sent to one OTLP/HTTP endpoint in the background.

Only `wiring` imports this module, and only where a setting asks for it, because the SDK
takes a third of a second to load. What leaves is as closed as a log line: names of
steps, allow-listed fields, kinds of errors; never a message, a URL or a header (I16).

A collector that is slow or dead holds nobody up: spans wait in a bounded queue, the
oldest give way, and the end of the process waits for the last ones only briefly.
"""

import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from firstry import __version__
from firstry.domain.errors import FirstryError
from firstry.domain.tenant import Tenant
from firstry.observe.log import FIELDS as LOG_FIELDS
from firstry.observe.log import shown
from firstry.ports.clock import Clock
from firstry.ports.telemetry import Event, Telemetry
from firstry.ports.trace import Step

FIELDS = LOG_FIELDS | {"dataset"}
"""What may stand in a span: the fields of the log, and which dataset Jira was asked for."""
PREFIX = "firstry."
QUEUE = 2048
BATCH = 512
SEND_EVERY_MILLISECONDS = 500.0
SEND_SECONDS = 5.0
"""One batch, with all its tries; then it is lost."""
CLOSE_SECONDS = 3.0
TOLD_EVERY_SECONDS = 60.0
KINDS = {
    Step.TICK: SpanKind.SERVER,
    Step.LIFECYCLE: SpanKind.SERVER,
    Step.UNINSTALL: SpanKind.SERVER,
    Step.PAGE: SpanKind.SERVER,
    Step.GADGET: SpanKind.SERVER,
    Step.JIRA_CALL: SpanKind.CLIENT,
}
_TRACE_ID = re.compile(r"[0-9a-f]{16}(?:[0-9a-f]{16})?")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")


class OtlpTraces:
    """A `Recorder` that sends what it takes. Close it when the process ends."""

    def __init__(self, url: str, telemetry: Telemetry, clock: Clock) -> None:
        # The SDK tells its troubles as free text with addresses; ours are told as events.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        named = {"service.name": "firstry", "service.version": __version__}
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({**named, "process.pid": os.getpid()}),
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_attributes=len(FIELDS) + 1, max_events=0, max_links=0),
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Sender(url, telemetry, clock),
                max_queue_size=QUEUE,
                max_export_batch_size=BATCH,
                schedule_delay_millis=SEND_EVERY_MILLISECONDS,
                export_timeout_millis=SEND_SECONDS * 1000,
            )
        )
        self._tracer = self._provider.get_tracer("firstry", __version__)

    @contextmanager
    def span(
        self,
        step: Step,
        tenant: Tenant | None,
        fields: Mapping[str, object],
        headers: Mapping[str, str] | None,
    ) -> Iterator[None]:
        """See `ports.trace.Recorder`."""
        with self._tracer.start_as_current_span(
            step.value,
            context=None if headers is None else _caller(headers),
            kind=KINDS.get(step, SpanKind.INTERNAL),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            _add(span, tenant, fields)
            try:
                yield
            except BaseException as error:
                code = error.code if isinstance(error, FirstryError) else type(error).__name__
                _add(span, None, {"error_code": code})
                raise

    def note(self, tenant: Tenant | None, fields: Mapping[str, object]) -> None:
        """See `ports.trace.Recorder`."""
        _add(get_current_span(), tenant, fields)

    def close(self) -> None:
        """Send what waits, for `CLOSE_SECONDS` at most; what is left then is lost."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)


class _Sender(SpanExporter):
    """Sends batches as OTLP does, and tells how many spans were lost, once a minute at most."""

    def __init__(self, url: str, telemetry: Telemetry, clock: Clock) -> None:
        session = requests.Session()
        session.trust_env = False  # no proxy and no password out of the environment
        self._onward = OTLPSpanExporter(url, timeout=SEND_SECONDS, session=session)
        self._telemetry, self._clock = telemetry, clock
        self._lost = 0
        self._told_at = -TOLD_EVERY_SECONDS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; the processor calls this in a thread of its own."""
        result = self._onward.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
        now = self._clock.monotonic()
        if self._lost and now - self._told_at >= TOLD_EVERY_SECONDS:
            self._telemetry.emit(Event.SPANS_LOST, count=self._lost)
            self._lost, self._told_at = 0, now
        return result

    def shutdown(self) -> None:
        """End what is under way."""
        self._onward.shutdown()  # type: ignore[no-untyped-call]


def _caller(headers: Mapping[str, str]) -> Context:
    """Return the context that B3 headers name, or an empty one: half a name is no name."""
    trace_id = headers.get("x-b3-traceid", "").lower()
    span_id = headers.get("x-b3-spanid", "").lower()
    if not _TRACE_ID.fullmatch(trace_id) or not _SPAN_ID.fullmatch(span_id):
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED)
    named = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=flags)
    if not named.is_valid:
        return Context()
    return set_span_in_context(NonRecordingSpan(named), Context())


def _add(span: Span, tenant: Tenant | None, fields: Mapping[str, object]) -> None:
    """Add what is allowed, and mark the span as failed where that says so."""
    if tenant is not None:
        span.set_attribute(PREFIX + "cloud_id", tenant.cloud_id)
    for name, value in fields.items():
        if name in FIELDS and value is not None:
            span.set_attribute(PREFIX + name, shown(value))
    status = fields.get("status")
    if fields.get("error_code") is not None or (isinstance(status, int) and status >= 500):
        span.set_status(Status(StatusCode.ERROR))
