"""Take links back: write retractions and make dirty what they touch. History becomes what it would have been without them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Final

from consumers.enrich.identifiers import keys_of
from consumers.identity.requests import Done, Unlink
from consumers.warehouse.contract import Warehouse

NONE: Final = ("", "")
TYPES: Final = {
    "retraction_id": "String", "site": "LowCardinality(String)", "id_type": "LowCardinality(String)", "id_value": "String",
    "other_type": "LowCardinality(String)", "other_value": "String", "event_id": "String", "at": "DateTime64(3, 'UTC')",
    "by": "String", "reason": "String",
}  # fmt: skip
Id = tuple[str, str]
Keys = Collection[tuple[str, str]]
Links = set[tuple[str, ...]]
_REFUSED: Final = "SELECT DISTINCT id_type, id_value, event_id FROM identity_quarantine FINAL WHERE site = {site:String} AND rule = {rule:String}"
# All links of what a rule refused, at once: there may be as many as there are identifiers. An empty event is any.
_OF_REFUSED: Final = (
    f"((id_type, id_value, '') IN (SELECT toString(id_type), id_value, event_id FROM ({_REFUSED})) "
    f"OR (id_type, id_value, event_id) IN ({_REFUSED}))"
)

# Of too many linked devices only what links them: their log-ins say nothing wrong.
_IS_REFUSED: Final = f"IN (SELECT id_type, id_value FROM ({_REFUSED}))"
_WITHIN_REFUSED: Final = f"(id_type, id_value) {_IS_REFUSED} AND (other_type, other_value) {_IS_REFUSED}"


async def unlink(warehouse: Warehouse, asked: Unlink, now_ms: int) -> tuple[Done, Keys]:
    """(how many links it takes back, the keys to refresh)."""
    refused = {"site": asked.site, "rule": asked.rule}
    selected: list[tuple[Id, Id, str]]
    if asked.rule == "group":
        links = await _links(warehouse, _WITHIN_REFUSED, refused)
        selected = sorted({((a, b), (c, d), "") for a, b, c, d, _ in links})
    elif asked.rule:
        # What one event said wrongly (an alias without the secret key) is that event's: nothing else of who it named.
        selected = [
            ((str(kind), str(value)), NONE, str(event))
            for kind, value, event in await warehouse.rows(_REFUSED, refused)
        ]
        links = await _links(warehouse, _OF_REFUSED, refused)
    else:
        selected = [(asked.one, asked.other, asked.event_id)]
        if (NONE, NONE, "") in selected:
            return Done(error="Say which link: by its identifiers, its event or a rule."), ()
        links = await _selected(warehouse, asked.site, selected[0])
    if selected:
        await _write(warehouse, asked, selected, now_ms)
    ids = {(kind, value) for a, b, c, d, *_ in links for kind, value in ((a, b), (c, d)) if kind}
    ids |= {one for one, other, _ in selected for one in (one, other) if one != NONE}
    return Done(len(links)), {(asked.site, key) for kind, value in ids for key in keys_of(kind, value)}


async def _selected(warehouse: Warehouse, site: str, selector: tuple[Id, Id, str]) -> Links:
    one, other, event_id = selector
    if one == NONE:
        one, other = other, one
    conditions, values = [], {"site": site}
    named = (
        ("id_type", one[0]),
        ("id_value", one[1]),
        ("other_type", other[0]),
        ("other_value", other[1]),
        ("event_id", event_id),
    )
    for column, value in named:
        if value:
            conditions.append(f"{column} = {{{column}:String}}")
            values[column] = value
    return await _links(warehouse, " AND ".join(conditions), values)


async def _links(warehouse: Warehouse, condition: str, values: Mapping[str, str]) -> Links:
    sql = (
        "SELECT DISTINCT id_type, id_value, other_type, other_value, event_id FROM identity_links "
        f"WHERE site = {{site:String}} AND {condition}"
    )
    rows = await warehouse.rows(sql, values)
    # each link stands in both directions
    return {(*min((a, b), (c, d)), *max((a, b), (c, d)), event) for a, b, c, d, event in rows}


async def _write(warehouse: Warehouse, asked: Unlink, selected: list[tuple[Id, Id, str]], now_ms: int) -> None:
    many = len(selected)
    await warehouse.insert(
        "identity_retractions",
        {
            "retraction_id": [uuid.uuid4().hex for _ in selected], "site": [asked.site] * many,
            "id_type": [one[0] for one, _, _ in selected], "id_value": [one[1] for one, _, _ in selected],
            "other_type": [other[0] for _, other, _ in selected], "other_value": [other[1] for _, other, _ in selected],
            "event_id": [event_id for _, _, event_id in selected], "at": [now_ms] * many,
            "by": [asked.by] * many, "reason": [asked.reason] * many,
        },
        TYPES,
    )  # fmt: skip
