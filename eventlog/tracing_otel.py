"""Spans by OpenTelemetry's SDK; needs the extra `tracing`. Where they go and how many is the SDK's environment (OTEL_*)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from eventlog.tracing import LINKS_MAX, Spans

_TEXT = TraceContextTextMapPropagator()


def provider_of(service: str) -> TracerProvider:
    """Exports over OTLP in the background; a collector of traces that is away costs dropped spans, never an event."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class OtelSpans(Spans):
    """See `Spans`."""

    on = True

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("netiv")

    def span(self, name: str, links: Sequence[str] = (), parent: str = "") -> AbstractContextManager[object]:
        """See `Spans`."""
        return self._span(name, links, parent)

    @contextmanager
    def _span(self, name: str, links: Sequence[str], parent: str) -> Iterator[object]:
        linked = [trace.Link(_context_of(each)) for each in list(dict.fromkeys(links))[:LINKS_MAX] if each]
        context = _TEXT.extract({"traceparent": parent}, Context()) if parent else None
        with self._tracer.start_as_current_span(name, context=context, links=linked) as span:
            yield span

    def note(self, name: str, value: str | int) -> None:
        """See `Spans`."""
        trace.get_current_span().set_attribute(name, value)

    def present(self) -> str:
        """See `Spans`."""
        carrier: dict[str, str] = {}
        _TEXT.inject(carrier)
        return carrier.get("traceparent", "")

    def close(self) -> None:
        """See `Spans`."""
        self._provider.shutdown()


def _context_of(text: str) -> trace.SpanContext:
    return trace.get_current_span(_TEXT.extract({"traceparent": text}, Context())).get_span_context()
