"""Stage models as SQL: for each source of evidence one array of (model, position, shown?), and the list of all stages."""

from __future__ import annotations

from typing import Final

import msgspec

from consumers.rules.literal import quote

OneOrMore = str | list[str]


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
    """A conversion; `number` counts the person's conversions."""

    name: OneOrMore | None = None
    number_min: int | None = None


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the three."""

    touch: Touch | None = None
    session: Visit | None = None
    conversion: Converted | None = None


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


SOURCES: Final = ("touch", "session", "conversion")


def condition(evidence: Touch | Visit | Converted) -> str:
    """When a row shows the stage."""
    parts = []
    for field in evidence.__struct_fields__:
        wanted = getattr(evidence, field)
        if wanted is None:
            continue
        if field.endswith("_min"):
            parts.append(f"{field.removesuffix('_min')} >= {wanted}")
        elif isinstance(wanted, bool):
            parts.append(f"{field} = {int(wanted)}")
        else:
            listed = [wanted] if isinstance(wanted, str) else wanted
            parts.append(f"lower({field}) IN ({', '.join(quote(value.lower()) for value in listed)})")
    return " AND ".join(parts) or "1"


def shown(rules: StageRules, source: str) -> str:
    """The array of (model, position) that a row of a source shows."""
    cases = []
    for model in rules.models:
        for position, stage in enumerate(model.stages, 1):
            found = [getattr(evidence, source) for evidence in stage.shown_by]
            conditions = [f"({condition(one)})" for one in found if one is not None]
            if conditions:
                cases.append(f"({quote(model.name)}, {position}, {' OR '.join(conditions)})")
    listed = ",\n        ".join(cases) or "('', 0, 0)"
    return f"arrayFilter(s -> s.3, [\n        {listed}])"


def all_stages(rules: StageRules) -> str:
    """The array of (model, stage, position)."""
    rows = [
        f"({quote(model.name)}, {quote(stage.name)}, {position})"
        for model in rules.models
        for position, stage in enumerate(model.stages, 1)
    ]
    return f"[{', '.join(rows)}]"


def stage_macros(rules: StageRules) -> dict[str, str]:
    """name -> SQL text."""
    named = {f"shown_by_{source}": shown(rules, source) for source in SOURCES}
    first = rules.models[0].name if rules.models else ""
    return {**named, "all_stages": all_stages(rules), "first_stage_model": quote(first)}
