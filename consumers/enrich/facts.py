"""A batch of log records as blocks of facts: events, identity links, bad events, costs, and the keys they make dirty.

Whatever is wrong with one record, the others are not touched by it: it becomes a bad event, whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from consumers.enrich.costs import cost_rows
from consumers.enrich.identifiers import keys_of
from consumers.enrich.links import LINKING, links_of, may_link
from consumers.enrich.row import BAD_TYPES, BLANK, Columns, Row
from consumers.enrich.steps import STEPS, Lookups, Undecodable, begin
from consumers.identity.erased import Fingerprints, bad_fingerprint, fingerprint
from eventlog.contract import Position, Stored
from schemas.record import Accepted, AnyRecord, Bad, Costs, Mended, decode

Erased = Fingerprints | frozenset[int]
# Enriched at once: decoded, an event takes some kilobytes.
BLOCK_RECORDS: Final = 2_000


class Facts(msgspec.Struct):
    """Rows ready to be inserted, those of events by column; the (site, subject) keys they make dirty, each with the time (epoch
    ms) of the earliest event, 0 where an identifier is to be looked at."""

    events: dict[str, list[Any]] = msgspec.field(default_factory=lambda: {name: [] for name in BLANK})
    links: list[Row] = []
    bad: list[Row] = []
    costs: list[Row] = []
    mended: list[Row] = []
    dirty: dict[tuple[str, str], int] = {}


class _Block(msgspec.Struct):
    """Accepted records and where they stand in the log."""

    records: list[Accepted] = []
    positions: list[Position] = []

    def halves(self) -> tuple[_Block, _Block]:
        middle = len(self.records) // 2
        return (
            _Block(self.records[:middle], self.positions[:middle]),
            _Block(self.records[middle:], self.positions[middle:]),
        )


def columns(rows: list[Row], types: Mapping[str, str]) -> dict[str, list[Any]]:
    """Rows turned into columns."""
    return {column: [row[column] for row in rows] for column in types}


def picked(events: Mapping[str, Sequence[Any]], places: Sequence[int]) -> Columns:
    """The rows at these places, in their order."""
    return {name: [values[at] for at in places] for name, values in events.items()}


def facts_of(batch: Iterable[Stored], lookups: Lookups, erased: Erased = frozenset()) -> Facts:
    """The facts of a batch, events in log order, without those whose fingerprint is `erased`."""
    facts = Facts()
    block = _Block()
    for stored in batch:
        record = _decode(stored)
        if type(record) is Accepted:
            block.records.append(record)
            block.positions.append(stored.position)
            if len(block.records) == BLOCK_RECORDS:
                _add_block(facts, block, lookups, erased)
                block = _Block()
        elif isinstance(record, Bad):
            if not (erased and _bad_is_erased(stored.position, erased)):
                facts.bad.append(_bad_row(record, stored.position))
        elif isinstance(record, Costs):
            facts.costs.extend(cost_rows(record, stored.position))
        elif isinstance(record, Mended):
            facts.mended.extend(_mended_rows(record))
    if block.records:
        _add_block(facts, block, lookups, erased)
    return facts


def _add_block(facts: Facts, block: _Block, lookups: Lookups, erased: Erased) -> None:
    for one, found in _enriched(block, lookups):
        if not isinstance(found, Undecodable):
            _add_events(facts, _without(erased, found) if erased else found)
        elif not (erased and _bad_is_erased(one.positions[0], erased)):
            facts.bad.append(_bad_row(_as_bad(one.records[0], found), one.positions[0]))


def _add_events(facts: Facts, events: Columns) -> None:
    for name, values in facts.events.items():
        values.extend(events[name])
    for site, subject, ts in zip(events["site"], events["subject"], events["ts"], strict=True):
        key = site, subject
        known = facts.dirty.get(key)
        if known is None or ts < known:
            facts.dirty[key] = ts
    for at in may_link(events):
        row = {name: events[name][at] for name in LINKING}
        _add_links(facts, links_of(row), row["subject"])


def _enriched(block: _Block, lookups: Lookups) -> list[tuple[_Block, Columns | Undecodable]]:
    """The block, or as few pieces of it as leave each record alone that is no event."""
    try:
        return [(block, _columns(block, lookups))]
    except Undecodable as error:
        if len(block.records) == 1:
            return [(block, error)]
        return [found for half in block.halves() for found in _enriched(half, lookups)]


def _without(erased: Erased, events: Columns) -> Columns:
    prints = map(fingerprint, events["site"], events["subject"], events["event_id"])
    left = [at for at, each in enumerate(prints) if each not in erased]
    return events if len(left) == len(events["site"]) else picked(events, left)


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
    return {name: values[0] for name, values in _columns(_Block([record], [position]), lookups).items()}


def _columns(block: _Block, lookups: Lookups) -> Columns:
    """Raises `Undecodable` when any of the records is none, also for what no step foresaw."""
    work = begin(block.records, lookups)
    step = STEPS[0]
    try:
        for step in STEPS:
            step(work)
    except Undecodable:
        raise
    except Exception as error:
        # A poison record must not block its partition; it is kept whole and can be replayed.
        raise Undecodable(f"{step.__name__}: {type(error).__name__}") from error
    columns = work.columns
    columns["log_gen"], columns["log_part"], columns["log_off"] = (
        [position.generation for position in block.positions],
        [position.partition for position in block.positions],
        [position.offset for position in block.positions],
    )
    return columns


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
