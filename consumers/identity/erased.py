"""Fingerprints of erased events: what arrives with one is dropped before it becomes a fact.

A fingerprint is a hash of (site, subject, event id), for a bad event of its log position: it tells an event that comes again
from one that does not, and nothing else.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b
from typing import Final

from consumers.warehouse.contract import Warehouse
from schemas.record import Place

CHUNK: Final = 200_000


def fingerprint(site: str, subject: str, event_id: str) -> int:
    """Of an event."""
    text = "\x1f".join((site, subject, event_id))
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def bad_fingerprint(place: Place) -> int:
    """Of a bad event, which has no id: of its place in the log."""
    return fingerprint("", "", "-".join(map(str, place)))


class Fingerprints:
    """Those of erased events, sorted: eight bytes each."""

    def __init__(self, packed: bytes = b"") -> None:
        self._known = array("Q")
        self._known.frombytes(packed)

    def __contains__(self, found: int) -> bool:
        at = bisect_left(self._known, found)
        return at < len(self._known) and self._known[at] == found

    def __len__(self) -> int:
        return len(self._known)


class Erased:
    """What the warehouse has of them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._packed = b""
        self._rows = 0

    async def packed(self) -> bytes:
        """All of them (see `Fingerprints`); the very same object as before when none was added. Empty, as nearly always,
        when nothing was ever erased."""
        [(rows,)] = await self._warehouse.rows("SELECT count() FROM erased")
        if int(rows) == self._rows:
            return self._packed
        known = array("Q")
        while True:
            chunk = await self._warehouse.rows(
                f"SELECT DISTINCT fingerprint FROM erased WHERE fingerprint > {{after:UInt64}} OR {{first:UInt8}} ORDER BY fingerprint LIMIT {CHUNK}",
                {"after": known[-1] if known else 0, "first": int(not known)},
            )
            known.extend(int(row[0]) for row in chunk)
            if len(chunk) < CHUNK:
                break
        self._packed, self._rows = known.tobytes(), int(rows)
        return self._packed
