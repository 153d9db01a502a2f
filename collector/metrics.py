"""Everything the collector counts: one typed catalogue, cheap tallies on the hot path, Prometheus on request.

A request adds to plain integers; `flush` moves them to prometheus_client once a second and at each scrape (a direct
count costs a microsecond, several of them a tenth of a request). With several workers prometheus_client's multi-process
mode adds the processes up.
"""

from __future__ import annotations

import os
from typing import Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

from schemas.metric import Metric

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


REQUESTS: Final = Metric(
    "netiv_http_requests", "counter", "Requests by endpoint and status (`endpoint status`).", "answer"
)
ACCEPTED: Final = Metric(
    "netiv_events_accepted", "counter", "Events that are durable in the log, by dialect.", "dialect"
)
DUPLICATES: Final = Metric(
    "netiv_events_duplicate", "counter", "Events seen lately, not stored again, by dialect.", "dialect"
)
REJECTED: Final = Metric("netiv_events_rejected", "counter", "Events kept as bad events, by code.", "code")
REFUSED: Final = Metric("netiv_requests_refused", "counter", "Requests answered with an error, by code.", "code")
BYTES: Final = Metric("netiv_body_bytes", "counter", "Bytes of bodies as received, by endpoint.", "endpoint")
SECRET_IN_BROWSER: Final = Metric(
    "netiv_secret_key_in_browser", "counter", "Requests with a secret key and an Origin header: a leaked key.", "site"
)
ENDED: Final = Metric("netiv_connections_ended", "counter", "Connections the server ended, by reason.", "reason")
IN_FLIGHT: Final = Metric("netiv_http_requests_in_flight", "gauge", "Ingest requests being answered now.")
LAG_EVENTS: Final = Metric("netiv_lag_events", "gauge", "Records acknowledged and not derived yet.")
LAG_SECONDS: Final = Metric("netiv_lag_seconds", "gauge", "Age of the oldest record that is not derived yet.")
SPOOL_RECORDS: Final = Metric("netiv_spool_records", "gauge", "Records that wait in local spools for Kafka.")
SPOOL_BYTES: Final = Metric("netiv_spool_bytes", "gauge", "Bytes of the local spools' files.")
SPOOL_SECONDS: Final = Metric("netiv_spool_age_seconds", "gauge", "Age of the oldest record that waits in a spool.")
WAREHOUSE_UP: Final = Metric(
    "netiv_warehouse_up", "gauge", "1 = the warehouse answers; consumers wait while it doesn't."
)
_SUMMED: Final = (IN_FLIGHT, SPOOL_RECORDS, SPOOL_BYTES)
# The same whoever looks: of several workers, the one that was asked last knows best.
_SHARED: Final = (LAG_EVENTS, LAG_SECONDS, WAREHOUSE_UP)
CATALOGUE: Final = (
    REQUESTS, ACCEPTED, DUPLICATES, REJECTED, REFUSED, BYTES, SECRET_IN_BROWSER, ENDED, IN_FLIGHT,
    LAG_EVENTS, LAG_SECONDS, SPOOL_RECORDS, SPOOL_BYTES, SPOOL_SECONDS, WAREHOUSE_UP,
)  # fmt: skip
SECONDS_NAME: Final = "netiv_http_request_seconds"
SECONDS_MEANING: Final = "Time to answer an ingest request, one in 16 measured."
_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MEASURED_EVERY: Final = 16


class Tally:
    """What was counted of one metric and label since the last flush; the hot path adds to `amount` itself."""

    __slots__ = ("amount",)

    def __init__(self) -> None:
        self.amount = 0


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a second series, which no list names
        self._registry = CollectorRegistry()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self.in_flight = 0
        self._timed = 0
        for metric in CATALOGUE:
            labels = [metric.label] if metric.label else []
            if metric.kind == "counter":
                self._counters[metric.name] = Counter(metric.name, metric.meaning, labels, registry=self._registry)
            else:
                gauge = Gauge(metric.name, metric.meaning, registry=self._registry, multiprocess_mode=_mode(metric))
                self._gauges[metric.name] = gauge
        self._seconds = Histogram(SECONDS_NAME, SECONDS_MEANING, buckets=_BUCKETS, registry=self._registry)

    def count(self, metric: Metric, label: str, amount: int = 1) -> None:
        """Add to a counter."""
        self.tally(metric, label).amount += amount

    def tally(self, metric: Metric, label: str) -> Tally:
        """Where a counter is counted: kept by who adds to it often."""
        key = (metric.name, label)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        return tally

    def measured(self) -> bool:
        """Whether this request's time is to be observed."""
        self._timed = (self._timed + 1) % MEASURED_EVERY
        return self._timed == 0

    def observe(self, seconds: float) -> None:
        """The time of one measured request."""
        self._seconds.observe(seconds)

    def set(self, metric: Metric, value: float) -> None:
        """Set a gauge."""
        self._gauges[metric.name].set(value)

    def flush(self) -> None:
        """Move what was counted to where Prometheus reads it."""
        for (name, label), tally in list(self._tallies.items()):
            if tally.amount:
                amount, tally.amount = tally.amount, 0
                self._counters[name].labels(label).inc(amount)
        self.set(IN_FLIGHT, self.in_flight)

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        self.flush()
        if not os.environ.get(MULTIPROCESS_VARIABLE):
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _mode(metric: Metric) -> Literal["livesum", "livemostrecent", "livemax"]:
    if metric in _SUMMED:
        return "livesum"
    return "livemostrecent" if metric in _SHARED else "livemax"
