"""From verdicts to the log: what every ingest endpoint shares once its events are judged.

Nothing is answered before the log has it: accepted events and rejected ones are appended in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from collector import metrics as m
from collector.accept import Verdict
from collector.answers import Fault
from collector.client_ip import Proxies
from collector.duplicates import Recent, key_of
from collector.held import Held, retry_after
from collector.receipts import encode as encode_receipt
from collector.registry import Registry
from eventlog.contract import Log, LogError, LogFull, Position, Record
from eventlog.embedded import EmbeddedLog
from schemas.record import encode
from schemas.record import key_of as log_key
from schemas.rejection import Rejection

Stored = Callable[[], Sequence[Position]]


class Tools(msgspec.Struct, frozen=True):
    """What the ingest endpoints work with; made at the composition root."""

    log: Log
    registry: Registry
    metrics: m.Metrics
    recent: Recent
    proxies: Proxies
    now_ms: Callable[[], int]
    make_id: Callable[[], str]
    held: Held = msgspec.field(default_factory=Held)

    @property
    def can_submit(self) -> bool:
        """Whether the log takes records without a task of ours (a spool and Kafka need one)."""
        return isinstance(self.log, EmbeddedLog)

    def submit(self, records: Sequence[Record], then: Callable[[Stored], None]) -> None:
        """The log's append without a task: `then` gets what gives the positions, or raises. Raises `LogError` at once."""
        log = self.log
        if not isinstance(log, EmbeddedLog):
            raise TypeError("this log is awaited")
        log.submit(records, lambda places: then(lambda: log.positions(places.result())))


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a request's events."""

    accepted: int
    duplicates: int
    rejected: list[tuple[int, Rejection]]
    receipt: str


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A request's events, judged, on their way into the log. `fault` is the answer even once its records are kept."""

    verdicts: Sequence[Verdict]
    records: list[Record]
    fresh: list[tuple[int, int]] = []
    rejected: list[tuple[int, Rejection]] = []
    duplicates: int = 0
    fault: Fault | None = None


def prepare(tools: Tools, verdicts: Sequence[Verdict]) -> Pending:
    """What of these verdicts goes into the log: all that is new, refused ones too."""
    records: list[Record] = []
    fresh: list[tuple[int, int]] = []
    rejected: list[tuple[int, Rejection]] = []
    duplicates = 0
    for place, verdict in enumerate(verdicts):
        record = verdict.record
        if verdict.rejection is not None:
            rejected.append((place, verdict.rejection))
        elif verdict.event_id:
            mark = (key_of(record.site, verdict.event_id), verdict.content)
            if tools.recent.seen(*mark) or mark in fresh:
                duplicates += 1
                continue
            fresh.append(mark)
        records.append(Record(log_key(record.site, verdict.subject), encode(record)))
    return Pending(verdicts, records, fresh, rejected, duplicates)


def settle(tools: Tools, pending: Pending, positions: Sequence[Position]) -> Outcome:
    """The records are durable at these positions."""
    recent, metrics = tools.recent, tools.metrics
    for mark in pending.fresh:
        recent.remember(*mark)
    accepted = len(pending.records) - len(pending.rejected)
    dialect = pending.verdicts[0].record.dialect
    if accepted:
        metrics.count(m.ACCEPTED, dialect, accepted)
    if pending.duplicates:
        metrics.count(m.DUPLICATES, dialect, pending.duplicates)
    for _, rejection in pending.rejected:
        metrics.count(m.REJECTED, rejection.code)
    receipt = encode_receipt(positions) if positions else ""
    return Outcome(accepted, pending.duplicates, pending.rejected, receipt)


async def store(tools: Tools, verdicts: Sequence[Verdict]) -> Outcome:
    """Appends what is new, durably. Raises `Fault` where the log can't: then nothing of it is promised."""
    pending = prepare(tools, verdicts)
    return settle(tools, pending, await append(tools, pending.records) if pending.records else ())


async def append(tools: Tools, records: Sequence[Record]) -> list[Position]:
    """The log's append, with its errors as answers."""
    try:
        return await tools.log.append(records)
    except LogError as error:
        raise fault_of(error) from None


def fault_of(error: LogError) -> Fault:
    """The answer when the log can't take the records."""
    if isinstance(error, LogFull):
        return Fault("log_full", headers=(retry_after(error.retry_after_s),))
    return Fault("log_unavailable", headers=(retry_after(),))
