"""From verdicts to the log: what every ingest endpoint shares once its events are judged.

Nothing is answered before the log has it: accepted events and rejected ones are appended in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from collector import metrics as m
from collector.accept import Verdict
from collector.answers import Fault
from collector.client_ip import Proxies
from collector.duplicates import Mark, Recent, mark_of
from collector.held import Held, retry_after
from collector.rate import Rate
from collector.receipts import encode as encode_receipt
from collector.refusals import Refusals
from collector.registry import Registry
from collector.spool.log import SpooledLog
from eventlog.contract import DirectLog, Log, LogError, LogFull, Record
from eventlog.embedded import EmbeddedLog
from schemas.record import Accepted, encode
from schemas.record import key_of as log_key
from schemas.rejection import Rejection


class Tools(msgspec.Struct, frozen=True):
    """What the ingest endpoints work with; made at the composition root."""

    log: Log
    registry: Registry
    metrics: m.Metrics
    recent: Recent
    proxies: Proxies
    now_ms: Callable[[], int]
    make_id: Callable[[], str]
    # A request costs memory until the log has it; its body is counted besides.
    in_flight_max: int = 1_024
    held: Held = msgspec.field(default_factory=Held)
    rate: Rate | None = None  # None = no limit
    refusals: Refusals = msgspec.field(default_factory=Refusals)

    @property
    def direct(self) -> DirectLog | None:
        """The log, where it takes records without a task of ours (a traced one does not)."""
        return self.log if isinstance(self.log, EmbeddedLog | SpooledLog) else None


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
    fresh: Collection[Mark] = ()
    rejected: list[tuple[int, Rejection]] = []
    duplicates: int = 0
    fault: Fault | None = None


def prepare(tools: Tools, verdicts: Sequence[Verdict]) -> Pending:
    """What of these verdicts goes into the log: all that is new, refused ones too."""
    records: list[Record] = []
    fresh: set[Mark] = set()
    rejected: list[tuple[int, Rejection]] = []
    duplicates = 0
    seen, append_record = tools.recent.seen, records.append
    for place, verdict in enumerate(verdicts):
        record = verdict.record
        if verdict.rejection is not None:
            rejected.append((place, verdict.rejection))
        elif verdict.event_id and isinstance(record, Accepted):
            mark = mark_of(record.site, verdict.event_id, record.event)
            if mark in fresh or seen(mark):
                duplicates += 1
                continue
            fresh.add(mark)
        append_record(Record(log_key(record.site, verdict.subject), encode(record)))
    return Pending(verdicts, records, fresh, rejected, duplicates)


def settle(tools: Tools, pending: Pending, receipt: str) -> Outcome:
    """The records are durable where the receipt says."""
    recent, metrics = tools.recent, tools.metrics
    recent.remember(pending.fresh)
    accepted = len(pending.records) - len(pending.rejected)
    dialect = pending.verdicts[0].record.dialect
    if accepted:
        metrics.count(m.ACCEPTED, dialect, accepted)
    if pending.duplicates:
        metrics.count(m.DUPLICATES, dialect, pending.duplicates)
    for _, rejection in pending.rejected:
        metrics.count(m.REJECTED, rejection.code)
    return Outcome(accepted, pending.duplicates, pending.rejected, receipt)


async def store(tools: Tools, verdicts: Sequence[Verdict]) -> Outcome:
    """Appends what is new, durably. Raises `Fault` where the log can't: then nothing of it is promised."""
    pending = prepare(tools, verdicts)
    return settle(tools, pending, await append(tools, pending.records))


async def append(tools: Tools, records: Sequence[Record]) -> str:
    """The log's append, with its errors as answers; the receipt."""
    if not records:
        return ""
    try:
        return encode_receipt(await tools.log.append(records))
    except LogError as error:
        raise fault_of(tools, error) from None


def fault_of(tools: Tools, error: LogError) -> Fault:
    """The answer when the log can't take the records. The reason is for the operator alone."""
    tools.refusals.tell(error)
    if isinstance(error, LogFull):
        return Fault("log_full", headers=(retry_after(error.retry_after_s),))
    return Fault("log_unavailable", headers=(retry_after(),))
