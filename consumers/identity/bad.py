"""Bad events that name somebody anywhere in what was sent: identifiers as they are, addresses and phone numbers by their hash."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from consumers.enrich.identifiers import hash_email, hash_phone, is_hashed
from consumers.warehouse.contract import Warehouse
from schemas.sites import PHONE_REGION

_ADDRESS: Final = re.compile(r"[^\s\"'<>,;:(){}\[\]\\/=?&]+@[^\s\"'<>,;:(){}\[\]\\/=?&]+")
_NUMBER: Final = re.compile(r"\+?\d[\d ().-]{5,22}\d")
# Shorter values would be found by chance, in numbers and words.
_LENGTH_MIN: Final = 3
_CHUNK: Final = 2_000
Place = tuple[int, int, int]


def names(payload: str, own: Iterable[tuple[str, str]], region: str = PHONE_REGION) -> bool:
    """Whether a payload names one of these identifiers; `region`: the country of phone numbers that name none."""
    plain = {value for _, value in own}
    hashes = set(filter(is_hashed, plain))  # addresses and numbers, whatever they were called
    return (
        any(len(value) >= _LENGTH_MIN and _stands_in(value, payload) for value in plain)
        or bool(hashes and any(hash_email(found) in hashes for found in _ADDRESS.findall(payload)))
        or bool(hashes and any(hash_phone(found, region) in hashes for found in _NUMBER.findall(payload)))
    )


def is_about(visitor: str, payload: str, own: Collection[tuple[str, str]], region: str) -> bool:
    """Whether a bad event is of a visitor among these identifiers, or names one of them (`region` as of `names`)."""
    return any(visitor == value for _, value in own) or names(payload, own, region)


def _stands_in(value: str, payload: str) -> bool:
    """As a whole: `dana` does not stand in `dana2`."""
    return bool(re.search(rf"(?<![\w@.+-]){re.escape(value)}(?![\w@.+-])", payload))


async def bad_places(warehouse: Warehouse, site: str, own: list[tuple[str, str]], region: str) -> list[Place]:
    """Where the bad events stand that name one of these identifiers (`region` as of `names`)."""
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
            if is_about(str(visitor), str(payload), own, region):
                found.add(after)
        if len(rows) < _CHUNK:
            return sorted(found)
