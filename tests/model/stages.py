"""How far each person came in a stage model: the last stage that anything they did shows."""

from __future__ import annotations

from typing import Any

from consumers.rules.stages import Converted, Evidence, StageModel, StageRules, Touch, Visit
from tests.model.conditions import is_one
from tests.model.facts import Fact, grouped
from tests.model.identities import Persons

Row = dict[str, Any]
Person = tuple[str, str]


def _numbered(rows: list[Row], at: str, key: str) -> list[Row]:
    """Each person's rows with their number, from 1."""
    numbered = []
    for own in grouped(rows, "site", "person_id").values():
        for number, row in enumerate(sorted(own, key=lambda r: (r[at], r[key])), 1):
            numbered.append({**row, "number": number})
    return numbered


def _fits(wanted: Touch | Visit | Converted, row: Row) -> bool:
    for field in wanted.__struct_fields__:
        value = getattr(wanted, field)
        if value is None:
            continue
        if field.endswith("_min"):
            if row[field.removesuffix("_min")] < value:
                return False
        elif isinstance(value, bool):
            if bool(row[field]) != value:
                return False
        elif row[field].lower() not in [one.lower() for one in ([value] if isinstance(value, str) else value)]:
            return False
    return True


def furthest(model: StageModel, done: dict[str, list[Row]]) -> dict[Person, str]:
    """The stage of every person; `done`: what they did, by the kind of evidence."""
    reached: dict[Person, str] = {}
    for stage in model.stages:  # a later stage overwrites
        for evidence in stage.shown_by:
            for person in _showing(evidence, done):
                reached[person] = stage.name
    return reached


def _showing(evidence: Evidence, done: dict[str, list[Row]]) -> set[Person]:
    for kind in ("touch", "session", "conversion"):
        wanted = getattr(evidence, kind)
        if wanted is not None:
            rows = done[kind]
            if isinstance(wanted, Converted):  # numbered among those of its names
                rows = _numbered([row for row in rows if _fits(Converted(wanted.name), row)], "ts", "conversion_id")
            return {(row["site"], row["person_id"]) for row in rows if _fits(wanted, row)}
    assert evidence.event is not None
    return {(row["site"], row["person_id"]) for row in done["event"] if is_one(evidence.event, row)}


def stages_of(
    rules: StageRules, tables: dict[str, list[Row]], facts: list[Fact], persons: Persons
) -> dict[Person, str]:
    """(site, person) -> their stage in the first model."""
    done = {
        "touch": tables["touchpoints"],
        "session": _numbered([s for s in tables["sessions"] if not s["is_bot"]], "started_at", "session_id"),
        "conversion": tables["conversions"],
        "event": [{**f, "person_id": persons.of(f)} for f in facts if not f["is_bot"]],
    }
    return furthest(rules.models[0], done) if rules.models else {}
