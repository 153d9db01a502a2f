"""What the rules of identity refused, with the evidence: blocked values, limits, shared identifiers, aliases without the secret key."""

from __future__ import annotations

from typing import Any

from tests.model.facts import Fact, grouped
from tests.model.identities import DEVICES, Node, Persons, named_by, subject_id

Row = dict[str, Any]


def quarantine_of(rows: list[Fact], persons: Persons) -> list[Row]:
    """`rows`: all of them, repeated ones too, for a value is blocked whoever says it."""
    blocked = {node for fact in rows for node in _mentioned(fact) if persons.blocked(node)}
    found = [_row(node, "blocked", "the value is on the list of blocked values", 0) for node in blocked]
    for node in persons.nodes():
        if not persons.blocked(node):
            found += _refused(node, persons)
    return found


def _mentioned(fact: Fact) -> list[Node]:
    """The identifiers an event links to others, logs out, or is filed under."""
    first, second = named_by(fact)
    linked = [*first, *second] if len(first) + len(second) > 1 else []
    if fact["type"] == "track" and fact["name"] == "logged_out":
        linked += [one for one in first if one[0] in DEVICES]
    return [(fact["site"], one) for one in (*linked, subject_id(fact["subject"]))]


def _refused(node: Node, persons: Persons) -> list[Row]:
    found, seen = [], persons.seen(node)
    if persons.suppressed(node):
        limit = persons.ranks.limit(node[1][0])
        told = f"linked to {persons.neighbours(node)} others, over {limit}"
        found.append(_row(node, "limit", told, min(seen)))
    if node in persons.crowds:
        told = f"one of more than {persons.ranks.linked()} devices that are linked with one another"
        found.append(_row(node, "group", told, min(seen)))
    owners = sorted({owner for _, owner in persons.history(node) if owner})
    if len(owners) > 1:
        found.append(_row(node, "shared", f"owned by {', '.join(owners)}", min(seen)))
    for (event_id,), own in grouped(persons.aliases_without_key(node), "event_id").items():
        other = min(alias["other"] for alias in own)
        told = f"would join {other}, but was not sent with the secret key"
        found.append(_row(node, "alias", told, min(alias["ts"] for alias in own), event_id))
    return found


def _row(node: Node, rule: str, evidence: str, first_seen: int, event_id: str = "") -> Row:
    site, (kind, value) = node
    return {
        "site": site, "id_type": kind, "id_value": value, "rule": rule, "event_id": event_id, "evidence": evidence,
        "first_seen": first_seen,
    }  # fmt: skip
