"""Stage models as SQL: for each source of evidence one array of (model, position, shown?), and the list of all stages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from consumers.refresh.sql import read
from consumers.rules.conditions import EventRule, OneOrMore, rule_sql
from consumers.rules.literal import quote

NO_STAGE_EVENT: Final = "0"
"""Where no rule names an event that shows a stage: the macro `is_stage_event`."""


class Touch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A touchpoint; columns of v_touchpoints."""

    kind: OneOrMore | None = None
    node: OneOrMore | None = None
    channel: OneOrMore | None = None
    medium: OneOrMore | None = None


class Visit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session; `number` counts the person's sessions."""

    engaged: bool | None = None
    pageviews_min: int | None = None
    number_min: int | None = None


class Converted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A conversion; `number` counts the person's conversions of these names."""

    name: OneOrMore | None = None
    number_min: int | None = None


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the four."""

    touch: Touch | None = None
    session: Visit | None = None
    conversion: Converted | None = None
    event: EventRule | None = None


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stage and what shows it."""

    name: str
    shown_by: list[Evidence]


class StageModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ordered stages."""

    name: str
    title: str
    stages: list[Stage]


class StageRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """stages.yaml."""

    version: int
    models: list[StageModel]


# Where the evidence is looked for: by the view, in all there is; by a refresh, with the persons it concerns.
OF_VIEW: Final = {
    "touchpoints_of_stages": "touchpoints FINAL", "sessions_of_stages": "sessions FINAL",
    "conversions_of_stages": "conversions FINAL", "events_of_stages": "stage_events FINAL",
}  # fmt: skip
_CONCERNED: Final = "(SELECT site, person_id FROM {{scratch}}.concerned_persons)"


def _of_concerned(table: str) -> str:
    """Rows of concerned persons in a table that is sorted by subject."""
    return (
        "(SELECT * FROM {{derived}}." + table + f" FINAL WHERE (site, person_id) IN {_CONCERNED} "
        "AND (site, subject) IN (SELECT site, subject FROM {{scratch}}.their_subjects))"
    )


OF_REFRESH: Final = {
    "touchpoints_of_stages": _of_concerned("touchpoints"), "sessions_of_stages": _of_concerned("sessions"),
    "conversions_of_stages": "(SELECT * FROM {{derived}}.conversions FINAL WHERE (site, person_id) IN " + f"{_CONCERNED})",
    "events_of_stages": _of_concerned("stage_events"),
}  # fmt: skip
SOURCES: Final = ("touch", "session", "conversion", "event")


def condition(evidence: Touch | Visit | Converted | EventRule) -> str:
    """When a row shows the stage."""
    if isinstance(evidence, EventRule):
        return rule_sql(evidence)
    parts = []
    for field in evidence.__struct_fields__:
        wanted = getattr(evidence, field)
        if wanted is None:
            continue
        if field == "number_min" and isinstance(evidence, Converted):
            parts.append(f"{_conversions_so_far(evidence)} >= {wanted}")
        elif field.endswith("_min"):
            parts.append(f"{field.removesuffix('_min')} >= {wanted}")
        elif isinstance(wanted, bool):
            parts.append(f"{field} = {int(wanted)}")
        else:
            listed = [wanted] if isinstance(wanted, str) else wanted
            parts.append(f"lower({field}) IN ({', '.join(quote(value.lower()) for value in listed)})")
    return " AND ".join(parts) or "1"


def _conversions_so_far(evidence: Converted) -> str:
    if evidence.name is None:
        return "arraySum(names_so_far.2)"
    listed = [evidence.name] if isinstance(evidence.name, str) else evidence.name
    return f"arraySum((n, times) -> if(n IN ({', '.join(quote(value.lower()) for value in listed)}), times, 0), names_so_far.1, names_so_far.2)"


def _conditions(model: StageModel, source: str) -> Iterator[tuple[int, str]]:
    """The position of each stage that a row of a source may show, and when it does (SQL)."""
    for position, stage in enumerate(model.stages, 1):
        found = [getattr(evidence, source) for evidence in stage.shown_by]
        if conditions := [f"({condition(one)})" for one in found if one is not None]:
            yield position, " OR ".join(conditions)


def shown(rules: StageRules, source: str) -> str:
    """The array of (model, position) that a row of a source shows."""
    cases = [
        f"({quote(model.name)}, {position}, {when})"
        for model in rules.models
        for position, when in _conditions(model, source)
    ]
    listed = ",\n        ".join(cases) or "('', 0, 0)"
    return f"arrayFilter(s -> s.3, [\n        {listed}])"


def furthest(rules: StageRules, source: str) -> str:
    """The position of the furthest stage of the first model that a row of a source shows; 0 for none."""
    stages = [stage for model in rules.models[:1] for stage in _conditions(model, source)]
    cases = [f"{when}, {position}" for position, when in reversed(stages)]
    return f"toUInt8(multiIf({', '.join(cases)}, 0))" if cases else "toUInt8(0)"


def is_stage_event(rules: StageRules) -> str:
    """Whether a plain event shows any stage."""
    found = [one.event for model in rules.models for stage in model.stages for one in stage.shown_by]
    conditions = [rule_sql(rule) for rule in found if rule is not None]
    return f"({' OR '.join(conditions)})" if conditions else NO_STAGE_EVENT


def stage_name(rules: StageRules, column: str) -> str:
    """The name of a stage of the first model by its position; '' for 0."""
    names = [stage.name for stage in rules.models[0].stages] if rules.models else []
    return f"arrayElement([{', '.join(quote(name) for name in ['', *names])}], {column} + 1)"


def all_stages(rules: StageRules) -> str:
    """The array of (model, stage, position)."""
    rows = [
        f"({quote(model.name)}, {quote(stage.name)}, {position})"
        for model in rules.models
        for position, stage in enumerate(model.stages, 1)
    ]
    return f"[{', '.join(rows)}]"


def stage_macros(rules: StageRules) -> dict[str, str]:
    """name -> SQL text of a refresh."""
    return {
        "shown_by_event": shown(rules, "event"),
        **{f"furthest_by_{source}": furthest(rules, source) for source in SOURCES},
        "all_stages": all_stages(rules),
        "first_stage_model": quote(rules.models[0].name if rules.models else ""),
        "is_stage_event": is_stage_event(rules),
        "open_stage_name": stage_name(rules, "furthest"),
        **_INCLUDED,
        **OF_REFRESH,
    }


def stage_view_macros(rules: StageRules) -> dict[str, str]:
    """What stands behind the same names in views."""
    return {
        **{f"shown_by_{source}": shown(rules, source) for source in SOURCES},
        "stage_evidence": read("views/stage_evidence.inc.sql"),
        **_INCLUDED,
        **OF_VIEW,
    }


_INCLUDED: Final = {name: read(f"views/{name}.inc.sql") for name in ("stage_sessions", "stage_conversions")}
