"""Bad events that name somebody anywhere in what was sent: identifiers as they are, addresses and phone numbers by their hash."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from consumers.enrich.identifiers import hash_email, hash_phone, is_hashed
from consumers.warehouse.contract import Warehouse
from schemas.record import Place
from schemas.sites import PHONE_REGION

# What stands between addresses. (One pass: a pattern that looks for the @ too begins anew at every letter of a long word.)
_WORD: Final = re.compile(r"[^\s\"'<>,;:(){}\[\]\\/=?&]+")
_ADDRESS_LENGTH_MAX: Final = 320  # RFC 3696: 64 before the @, 255 behind
_NUMBER: Final = re.compile(r"(\+?\d[\d ().-]{5,22}\d)(\s*(?:;ext=|ext\.?|x|#)\s*\d{1,7})?")
# Shorter values would be found by chance, in numbers and words.
_LENGTH_MIN: Final = 3
_BESIDE: Final = re.compile(r"[\w@.+-]")
# How many are held in memory at once: one may be as large as a body.
_CHUNK: Final = 500


class Names:
    """What identifiers look like in what was sent. `region`: the country of phone numbers that name none."""

    def __init__(self, own: Iterable[tuple[str, str]], region: str = PHONE_REGION) -> None:
        self._plain = {value for _, value in own}
        self._long = [value for value in self._plain if len(value) >= _LENGTH_MIN]
        self._hashes = set(filter(is_hashed, self._plain))  # addresses and numbers, whatever they were called
        self._region = region

    def stand_in(self, payload: str) -> bool:
        """Whether a payload names one of them."""
        return (
            any(_stands_in(value, payload) for value in self._long)
            or bool(self._hashes and any(hash_email(found) in self._hashes for found in _addresses(payload)))
            or bool(
                self._hashes and any(hash_phone(found, self._region) in self._hashes for found in _numbers(payload))
            )
        )

    def are_of(self, visitor: str, payload: str) -> bool:
        """Whether a bad event is of a visitor among them, or names one of them."""
        return visitor in self._plain or self.stand_in(payload)


def _addresses(payload: str) -> set[str]:
    return {word for word in _WORD.findall(payload) if "@" in word[1:-1] and len(word) <= _ADDRESS_LENGTH_MAX}


def _numbers(payload: str) -> set[str]:
    """With and without what may be their extension."""
    return {text for number, extension in _NUMBER.findall(payload) for text in (number, number + extension)}


def _stands_in(value: str, payload: str) -> bool:
    """As a whole: `dana` does not stand in `dana2`. Nearly always it is nowhere, which is told at once."""
    at = payload.find(value)
    while at >= 0:
        end = at + len(value)
        if not (at and _BESIDE.match(payload, at - 1)) and not _BESIDE.match(payload, end):
            return True
        at = payload.find(value, at + 1)
    return False


async def bad_places(warehouse: Warehouse, site: str, own: list[tuple[str, str]], region: str) -> list[Place]:
    """Where the bad events stand that name one of these identifiers (`region` as of `Names`)."""
    names = Names(own, region)
    found: set[Place] = set()
    after: Place = (-1, -1, 0)
    while True:
        rows = await warehouse.rows(
            "SELECT log_gen, log_part, log_off, visitor_id, payload FROM bad_events WHERE site = {site:String} AND "
            "(log_gen, log_part, log_off) > ({gen:Int64}, {part:Int64}, {off:UInt64}) "
            f"ORDER BY log_gen, log_part, log_off LIMIT {_CHUNK}",
            {"site": site, "gen": after[0], "part": after[1], "off": after[2]},
        )
        for gen, part, off, visitor, payload in rows:
            after = int(gen), int(part), int(off)
            if names.are_of(str(visitor), str(payload)):
                found.add(after)
        if len(rows) < _CHUNK:
            return sorted(found)
