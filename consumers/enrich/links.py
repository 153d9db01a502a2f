"""What one event says of who is who: every pair of its identifiers, in both directions, and log-outs.

Raw evidence: which of two identifies the other, and whether either is blocked, is for the rules to say when it is read.
"""

from __future__ import annotations

import itertools
from typing import Final

from consumers.enrich.row import Columns, Row

LOGGED_OUT: Final = "logged_out"
DEVICES: Final = frozenset({"visitor_id", "device_id", "idfa", "idfv", "gaid", "android_id"})
_FIRST: Final = (
    "user_id",
    "visitor_id",
)  # have a field of their own; another one among the further identifiers is a second

Identifier = tuple[str, str]


# What of an event its links are made of.
LINKING: Final = (
    "site", "subject", "event_id", "visitor_id", "user_id", "identifiers", "click_id_type", "click_id", "type", "name", "ts",
    "received_at", "dialect", "order_id", "secret", "log_gen", "log_part", "log_off",
)  # fmt: skip


def may_link(events: Columns) -> list[int]:
    """Which events have links: not most, which name a visitor and nothing else."""
    said = zip(events["user_id"], events["identifiers"], events["click_id"], events["name"], strict=True)
    return [at for at, (user, others, click, name) in enumerate(said) if user or others or click or name == LOGGED_OUT]


def links_of(row: Row) -> list[Row]:
    """The link rows of an event."""
    logs_out = row["name"] == LOGGED_OUT and row["type"] == "track"
    shared = {
        "site": row["site"], "ts": row["ts"], "received_at": row["received_at"], "event_id": row["event_id"],
        "evidence": row["type"], "log_gen": row["log_gen"], "log_part": row["log_part"], "log_off": row["log_off"],
        "subject": row["subject"], "secret": row["secret"],
    }  # fmt: skip
    first, second = identifiers_on(row)
    links = []
    for (one, other), kind in _pairs(first, second, row):
        for (id_type, id_value), (other_type, other_value) in ((one, other), (other, one)):
            links.append({
                **shared, "kind": kind, "id_type": id_type, "id_value": id_value, "other_type": other_type,
                "other_value": other_value,
            })  # fmt: skip
    if logs_out:
        for id_type, id_value in first:
            if id_type in DEVICES:
                left = {"kind": "logout", "id_type": id_type, "id_value": id_value, "other_type": "", "other_value": ""}
                links.append({**shared, **left})
    return links


def identifiers_on(row: Row) -> tuple[list[Identifier], list[Identifier]]:
    """(those the event is about, second ones of a type that has a field of its own)."""
    first = {(kind, row[kind]): None for kind in _FIRST if row[kind]}
    second: dict[Identifier, None] = {}
    for kind, value in row["identifiers"].items():
        if kind and value:
            taken = kind in _FIRST and row[kind] not in ("", value)
            (second if taken else first)[kind, value] = None
    if row["click_id"]:
        first[row["click_id_type"], row["click_id"]] = None
    return list(first), list(second)


def _pairs(
    first: list[Identifier], second: list[Identifier], row: Row
) -> list[tuple[tuple[Identifier, Identifier], str]]:
    found = [((one, other), _kind(one, other, row)) for one, other in itertools.combinations(first, 2)]
    found += [
        ((one, other), _kind(one, other, row) if one[0] == other[0] else "mention") for other in second for one in first
    ]
    return found


def _kind(one: Identifier, other: Identifier, row: Row) -> str:
    """What the pair is evidence of. Informative, but for `mention` and `logout`: the rules go by types."""
    if one[0] in DEVICES and other[0] in DEVICES:
        return "device_link"
    if one[0] == other[0] and row["type"] != "alias":
        return "mention"
    if row["type"] == "alias" and not {one[0], other[0]} & DEVICES:
        return "alias"
    if row["dialect"] == "import":
        return "import"
    return "order" if row["order_id"] else "identify"
