"""Everything a consumer counts: one typed catalogue, and the figures of one process. Knows no network.

What a consumer waits for is part of it: it stays 1 until work goes on, however short the moment between two tries.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from consumers.refresh.aside import Told
from schemas.metric import Metric

WAREHOUSE: Final = "warehouse"
LOG: Final = "log"
# Shorter waits are part of the work (an insert of a former owner that ends), not something being away.
AWAY_S: Final = 0.5


WAITING: Final = Metric(
    "netiv_consumer_waiting", "gauge", "1 = the consumer waits for this part, keeping its place.", "part"
)
LOADED: Final = Metric("netiv_consumer_loaded", "counter", "Records whose facts were inserted.")
DERIVED: Final = Metric("netiv_consumer_derived", "counter", "Records derived and committed.")
REFRESHES: Final = Metric("netiv_consumer_refreshes", "counter", "Refreshes of derived tables that ended.")
REFRESH_SECONDS: Final = Metric("netiv_consumer_refresh_seconds", "counter", "Seconds spent in them.")
PARTITIONS: Final = Metric("netiv_consumer_partitions", "gauge", "Partitions this consumer works on.")
RESUMED: Final = Metric("netiv_consumer_resumed", "counter", "Times it found its place: starts and rebalances.")
FENCED: Final = Metric(
    "netiv_consumer_fenced", "counter", "Inserts that put nothing in, because another consumer had the partition."
)
LOST: Final = Metric(
    "netiv_consumer_lost", "counter", "Records that the brokers had deleted before they were read: retention took them."
)
ASIDE: Final = Metric(
    "netiv_consumer_aside",
    "gauge",
    "Keys (visitors, conversions, persons) that cannot be derived and are left out now; `netiv doctor` names them.",
)
SET_ASIDE: Final = Metric("netiv_consumer_set_aside", "counter", "Keys that were set aside by this consumer.")
TAKEN_BACK: Final = Metric("netiv_consumer_taken_back", "counter", "Keys that were set aside and are so no more.")
CATALOGUE: Final = (
    WAITING, LOADED, DERIVED, REFRESHES, REFRESH_SECONDS, PARTITIONS, RESUMED, FENCED, LOST, ASIDE, SET_ASIDE, TAKEN_BACK,
)  # fmt: skip


class ConsumerMetrics:
    """The figures of one process, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a second series, which no list names
        self.registry = CollectorRegistry()
        self._log = structlog.get_logger("netiv.consumer")
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        for metric in CATALOGUE:
            labels = [metric.label] if metric.label else []
            if metric.kind == "counter":
                self._counters[metric.name] = Counter(metric.name, metric.meaning, labels, registry=self.registry)
            else:
                self._gauges[metric.name] = Gauge(metric.name, metric.meaning, labels, registry=self.registry)
        self._away: set[str] = set()
        for part in (WAREHOUSE, LOG):
            self._gauges[WAITING.name].labels(part).set(0)

    def resumed(self, partitions: int) -> None:
        """The place in so many partitions was found."""
        self._counters[RESUMED.name].inc()
        self._gauges[PARTITIONS.name].set(partitions)
        self._back()

    def loaded(self, records: int) -> None:
        """Facts of so many records are in."""
        self._counters[LOADED.name].inc(records)
        self._back()

    def derived(self, records: int, seconds: float) -> None:
        """A refresh over so many records ended and is committed."""
        self._counters[DERIVED.name].inc(records)
        self._counters[REFRESHES.name].inc()
        self._counters[REFRESH_SECONDS.name].inc(seconds)
        self._back()

    def fenced(self) -> None:
        """Another consumer had the partition."""
        self._counters[FENCED.name].inc()

    def lost(self, records: int) -> None:
        """So many were gone from the log before they were read."""
        self._counters[LOST.name].inc(records)

    def aside(self, told: Told) -> None:
        """What is set aside after a refresh."""
        self._gauges[ASIDE.name].set(told.now)
        self._counters[SET_ASIDE.name].inc(told.put)
        self._counters[TAKEN_BACK.name].inc(told.back)

    def away(self, part: str) -> None:
        """This part can't be used now."""
        self._away.add(part)
        self._gauges[WAITING.name].labels(part).set(1)

    async def wait_for_warehouse(self, seconds: float) -> None:
        """Wait between two tries of a statement; says so once."""
        if seconds >= AWAY_S:
            if WAREHOUSE not in self._away:
                self._log.warning("waiting", reason="the warehouse can't be used now", again_s=seconds)
            self.away(WAREHOUSE)
        await asyncio.sleep(seconds)

    def _back(self) -> None:
        for part in self._away:
            self._gauges[WAITING.name].labels(part).set(0)
        self._away.clear()
