"""A batch of log records as blocks of facts: events, identity links, bad events, costs, and the keys they make dirty.

Whatever is wrong with one record, the others are not touched by it: it becomes a bad event, whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from consumers.enrich.costs import cost_rows
from consumers.enrich.identifiers import keys_of
from consumers.enrich.links import links_of
from consumers.enrich.row import BAD_TYPES, BLANK, EVENT_TYPES, LINK_TYPES, Row, Values
from consumers.enrich.steps import STEPS, Lookups, Undecodable, begin
from consumers.identity.erased import Fingerprints, bad_fingerprint, fingerprint
from eventlog.contract import Position, Stored
from schemas.record import Accepted, AnyRecord, Bad, Costs, Mended, decode

Erased = Fingerprints | frozenset[int]


class Facts(msgspec.Struct):
    """Rows ready to be inserted; the (site, subject) keys they make dirty, each with the time (epoch ms) of the earliest
    event, 0 where an identifier is to be looked at."""

    events: list[Values] = []
    links: list[Row] = []
    bad: list[Row] = []
    costs: list[Row] = []
    mended: list[Row] = []
    dirty: dict[tuple[str, str], int] = {}


def columns(rows: list[Row], types: Mapping[str, str]) -> dict[str, list[Any]]:
    """Rows turned into columns."""
    return {column: [row[column] for row in rows] for column in types}


def event_columns(rows: list[Values]) -> dict[str, Sequence[Any]]:
    """The same of events; there is at least one."""
    return dict(zip(BLANK, zip(*rows, strict=True), strict=True))


def facts_of(batch: Iterable[Stored], lookups: Lookups, erased: Erased = frozenset()) -> Facts:
    """The facts of a batch, in log order, without those whose fingerprint is `erased`."""
    facts = Facts()
    for stored in batch:
        record = _decode(stored)
        if isinstance(record, Bad):
            if not (erased and _bad_is_erased(stored.position, erased)):
                facts.bad.append(_bad_row(record, stored.position))
            continue
        if isinstance(record, Costs):
            facts.costs.extend(cost_rows(record, stored.position))
            continue
        if isinstance(record, Mended):
            facts.mended.extend(_mended_rows(record))
            continue
        try:
            row = enrich(record, stored.position, lookups)
        except Undecodable as error:
            if not (erased and _bad_is_erased(stored.position, erased)):
                facts.bad.append(_bad_row(_as_bad(record, error), stored.position))
            continue
        site, subject, ts = row["site"], row["subject"], row["ts"]
        if erased and fingerprint(site, subject, row["event_id"]) in erased:
            continue
        facts.events.append(tuple(row.values()))  # a row begins as a copy of `BLANK`, so this is its order
        if ts < facts.dirty.get((site, subject), ts + 1):
            facts.dirty[site, subject] = ts
        if links := links_of(row):
            _add_links(facts, links, subject)
    return facts


def _add_links(facts: Facts, links: list[Row], subject: str) -> None:
    facts.links.extend(links)
    for link in links:
        for key in keys_of(link["id_type"], link["id_value"]):
            if key != subject:  # should its owner change, all of the subject is derived then
                facts.dirty[link["site"], key] = 0


def _bad_is_erased(position: Position, erased: Erased) -> bool:
    return bad_fingerprint((position.generation, position.partition, position.offset)) in erased


def enrich(record: Accepted, position: Position, lookups: Lookups) -> Row:
    """One row of facts. Raises `Undecodable`, also for what no step foresaw."""
    row: Row = BLANK.copy()
    row["log_gen"], row["log_part"], row["log_off"] = position.generation, position.partition, position.offset
    work = begin(record, row, lookups)
    step = STEPS[0]
    try:
        for step in STEPS:
            step(work)
    except Undecodable:
        raise
    except Exception as error:
        # A poison record must not block its partition; it is kept whole and can be replayed.
        raise Undecodable(f"{step.__name__}: {type(error).__name__}") from error
    return row


def _decode(stored: Stored) -> AnyRecord:
    try:
        return decode(stored.value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Bad(
            site="", received_at=stored.appended_at, code="undecodable", payload=stored.value, message=str(error)
        )


def _as_bad(record: Accepted, error: Undecodable) -> Bad:
    return Bad(
        site=record.site, received_at=record.received_at, code="undecodable", payload=record.event, pointer=error.pointer,
        message=str(error), dialect=record.dialect, secret=record.secret, sent_at=record.sent_at,
        visitor_id=record.visitor_id, ip=record.ip, user_agent=record.user_agent, language=record.language,
    )  # fmt: skip


def _mended_rows(record: Mended) -> list[Row]:
    return [
        {"log_gen": generation, "log_part": partition, "log_off": offset, "received_at": record.received_at}
        for generation, partition, offset in record.places
    ]


def _bad_row(bad: Bad, position: Position) -> Row:
    row = {
        "site": bad.site, "received_at": bad.received_at, "code": bad.code, "pointer": bad.pointer,
        "message": bad.message, "payload": bad.payload.decode("utf-8", "backslashreplace"), "dialect": bad.dialect,
        "secret": int(bad.secret), "sent_at": bad.sent_at, "visitor_id": bad.visitor_id, "ip": bad.ip,
        "user_agent": bad.user_agent, "language": bad.language,
        "log_gen": position.generation, "log_part": position.partition, "log_off": position.offset,
    }  # fmt: skip
    assert row.keys() == BAD_TYPES.keys()  # noqa: S101 - the two tables must not drift apart
    return row


__all__ = ["BAD_TYPES", "EVENT_TYPES", "LINK_TYPES", "Facts", "columns", "enrich", "event_columns", "facts_of"]
