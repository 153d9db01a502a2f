"""Fingerprints of erased events: what arrives with one is dropped before it becomes a fact.

A fingerprint is a hash of (site, subject, event id), for a bad event of its log position: it tells an event that comes again
from one that does not, and nothing else.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from consumers.enrich.identifiers import keys_of
from consumers.warehouse.contract import Warehouse

if TYPE_CHECKING:
    from consumers.load import Load, Run

CHUNK: Final = 200_000
Columns = Mapping[str, Sequence[Any]]


def fingerprint(site: str, subject: str, event_id: str) -> int:
    """Of an event."""
    text = "\x1f".join((site, subject, event_id))
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def bad_fingerprint(place: tuple[int, int, int]) -> int:
    """Of a bad event, which has no id: of its place in the log."""
    return fingerprint("", "", "-".join(map(str, place)))


class Erased:
    """The fingerprints, kept sorted: eight bytes each."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._known: array[int] = array("Q")
        self._rows = 0

    async def without(self, load: Load) -> Load:
        """The load without what was erased; the load itself, as nearly always, when there is none of it."""
        await self._read()
        return cleansed(load, self) if self._known else load

    def __contains__(self, found: int) -> bool:
        at = bisect_left(self._known, found)
        return at < len(self._known) and self._known[at] == found

    async def _read(self) -> None:
        [(rows,)] = await self._warehouse.rows("SELECT count() FROM erased")
        if int(rows) == self._rows:
            return
        known: array[int] = array("Q")
        while True:
            chunk = await self._warehouse.rows(
                f"SELECT DISTINCT fingerprint FROM erased WHERE fingerprint > {{after:UInt64}} OR {{first:UInt8}} ORDER BY fingerprint LIMIT {CHUNK}",
                {"after": known[-1] if known else 0, "first": int(not known)},
            )
            known.extend(int(row[0]) for row in chunk)
            if len(chunk) < CHUNK:
                break
        self._known, self._rows = known, int(rows)


def cleansed(load: Load, erased: Erased) -> Load:
    """A load without erased events, their links, and bad events at places that were erased. Pure, but for the lookups."""

    def is_kept(columns: Columns) -> list[bool]:
        return [
            fingerprint(*key) not in erased
            for key in zip(columns["site"], columns["subject"], columns["event_id"], strict=True)
        ]

    places = zip(load.bad["log_gen"], load.bad["log_part"], load.bad["log_off"], strict=True)
    events = [is_kept(run.columns) for run in load.runs]
    links = is_kept(load.links)
    bad = [bad_fingerprint(place) not in erased for place in places]
    if all(links) and all(bad) and all(all(kept) for kept in events):
        return load
    runs = [_run(run, kept) for run, kept in zip(load.runs, events, strict=True) if any(kept)]
    remaining = _select(load.links, links)
    return msgspec.structs.replace(
        load, runs=runs, links=remaining, bad=_select(load.bad, bad), dirty=frozenset(_dirty(runs, remaining))
    )


def _select(columns: Columns, kept: list[bool]) -> Columns:
    return {name: [value for value, keep in zip(values, kept, strict=True) if keep] for name, values in columns.items()}


def _run(run: Run, kept: list[bool]) -> Run:
    columns = _select(run.columns, kept)
    return msgspec.structs.replace(run, first=columns["log_off"][0], last=columns["log_off"][-1], columns=columns)


def _dirty(runs: list[Run], links: Columns) -> Iterable[tuple[str, str]]:
    for run in runs:
        yield from zip(run.columns["site"], run.columns["subject"], strict=True)
    for site, kind, value in zip(links["site"], links["id_type"], links["id_value"], strict=True):
        yield from ((site, key) for key in keys_of(kind, value))
