"""What both sides of the log need for traces: spans, and a trace's name in text (W3C `traceparent`). Off, nothing is loaded.

A request's trace goes on in the log record that it became (`Accepted.trace`), in every mode alike; a consumer's batch is a
trace of its own, linked to those of its records.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from eventlog.contract import LogError
from schemas.settings import Settings

# A batch may hold a hundred thousand records; a span shows some of the requests they came from.
LINKS_MAX: Final = 64


class Spans:
    """Makes spans; this one makes none."""

    on = False

    def span(self, name: str, links: Sequence[str] = (), parent: str = "") -> AbstractContextManager[object]:  # noqa: ARG002
        """A span around the block, child of the present one (or of `parent`), linked to others (all `traceparent`s)."""
        return nullcontext()

    def note(self, name: str, value: str | int) -> None:
        """An attribute of the present span."""

    def present(self) -> str:
        """The present span as `traceparent`; "" = none."""
        return ""

    def close(self) -> None:
        """Send what waits."""


def open_spans(settings: Settings, service: str) -> Spans:
    """Spans that go where OTEL_EXPORTER_OTLP_ENDPOINT says, when tracing is on. Raises `LogError` without the extra."""
    if not settings.tracing:
        return Spans()
    try:
        from eventlog.tracing_otel import OtelSpans, provider_of
    except ImportError as error:
        raise LogError(f"Tracing is on, but {error.name} is missing", "pip install 'netiv[tracing]'") from None
    return OtelSpans(provider_of(service))
