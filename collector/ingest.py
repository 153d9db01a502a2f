"""From verdicts to the log: what every ingest endpoint shares once its events are judged.

Nothing is answered before the log has it: accepted events and rejected ones are appended in one call.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from collector import metrics as m
from collector.accept import Verdict
from collector.answers import Fault
from collector.client_ip import Proxies
from collector.duplicates import Recent, key_of
from collector.receipts import encode as encode_receipt
from collector.registry import Registry
from eventlog.contract import Log, LogError, LogFull, Position, Record
from schemas.record import encode
from schemas.record import key_of as log_key
from schemas.rejection import Rejection

RETRY_AFTER_S: Final = (5, 30)  # jittered, so that a crowd of clients does not come back at once


class Tools(msgspec.Struct, frozen=True):
    """What the ingest endpoints work with; made at the composition root."""

    log: Log
    registry: Registry
    metrics: m.Metrics
    recent: Recent
    proxies: Proxies
    now_ms: Callable[[], int]
    make_id: Callable[[], str]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a request's events."""

    accepted: int
    duplicates: int
    rejected: list[tuple[int, Rejection]]
    receipt: str


async def store(tools: Tools, verdicts: Sequence[Verdict]) -> Outcome:
    """Appends what is new, durably. Raises `Fault` where the log can't: then nothing of it is promised."""
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
    receipt = encode_receipt(await append(tools, records)) if records else ""
    for mark in fresh:
        tools.recent.remember(*mark)
    accepted = len(records) - len(rejected)
    dialect = verdicts[0].record.dialect
    if accepted:
        tools.metrics.count(m.ACCEPTED, dialect, accepted)
    if duplicates:
        tools.metrics.count(m.DUPLICATES, dialect, duplicates)
    for _, rejection in rejected:
        tools.metrics.count(m.REJECTED, rejection.code)
    return Outcome(accepted, duplicates, rejected, receipt)


async def append(tools: Tools, records: Sequence[Record]) -> list[Position]:
    """The log's append, with its errors as answers."""
    try:
        return await tools.log.append(records)
    except LogFull as error:
        raise Fault("log_full", headers=(retry_after(error.retry_after_s),)) from None
    except LogError:
        raise Fault("log_unavailable", headers=(retry_after(),)) from None


def retry_after(least_s: float = RETRY_AFTER_S[0]) -> tuple[bytes, bytes]:
    """The header that spreads retries over time."""
    low = max(RETRY_AFTER_S[0], int(least_s))
    return b"retry-after", b"%d" % random.randint(low, max(low, RETRY_AFTER_S[1]))  # noqa: S311
