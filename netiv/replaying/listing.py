"""The bad events that a replay is about, as the tables list them: a page at a time, in the order of the log, so that memory holds
one page however many there are. Those that come meanwhile are left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from netiv.clickhouse import ClickHouse
from schemas.record import Bad, Place

PAGE: Final = 2_000
_COLUMNS: Final = (
    "site, toUnixTimestamp64Milli(received_at), code, payload, pointer, message, dialect, secret, "
    "if(isNull(sent_at), NULL, toUnixTimestamp64Milli(assumeNotNull(sent_at))), visitor_id, ip, user_agent, language, "
    "log_gen, log_part, log_off"
)
_NOT_MENDED: Final = "(log_gen, log_part, log_off) NOT IN (SELECT log_gen, log_part, log_off FROM bad_events_mended)"


class Lane(msgspec.Struct, frozen=True):
    """What there is of one partition of one log: `events` of them, the last at offset `last`."""

    generation: int
    partition: int
    last: int
    events: int


class Listing:
    """Bad events for which `where`, a condition over their columns, holds; those mended before only with `again`."""

    def __init__(self, warehouse: ClickHouse, where: str, *, again: bool) -> None:
        self._warehouse = warehouse
        self._which = f"FROM bad_events FINAL WHERE {'1' if again else _NOT_MENDED} AND ({where})"

    def lanes(self) -> list[Lane]:
        """How many there are, and where. Raises `CommandError`."""
        rows = self._warehouse.query(
            f"SELECT log_gen, log_part, max(log_off), count() {self._which} GROUP BY log_gen, log_part "
            "ORDER BY log_gen, log_part"
        ).rows
        return [Lane(*map(int, row)) for row in rows]

    def pages(self, lane: Lane) -> Iterator[list[tuple[Place, Bad]]]:
        """All of a lane. Raises `CommandError`."""
        start = 0
        while start <= lane.last:
            rows = self._warehouse.query(
                f"SELECT {_COLUMNS} {self._which} AND log_gen = {lane.generation} AND log_part = {lane.partition} "
                f"AND log_off BETWEEN {start} AND {lane.last} ORDER BY log_off LIMIT {PAGE}"
            ).rows
            page = [(_place(row), _bad(row)) for row in rows]
            if not page:
                return
            yield page
            start = page[-1][0][2] + 1


def _place(row: list[Any]) -> Place:
    generation, partition, offset = row[-3:]
    return int(generation), int(partition), int(offset)


def _bad(row: list[Any]) -> Bad:
    site, received_at, code, payload, pointer, message, dialect, secret, sent_at, *rest = row[:-3]
    sent = None if sent_at is None else int(sent_at)
    return Bad(
        site, int(received_at), code, payload.encode(), pointer, message, dialect, bool(int(secret)), sent, *rest
    )
