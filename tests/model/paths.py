"""Paths: per conversion the person's touchpoints before it, within the look-back of their kind; open paths: those after the last."""

from __future__ import annotations

from typing import Any

from consumers.rules import conversions as limits
from consumers.rules.files import ConversionRules
from tests.model.facts import grouped

Row = dict[str, Any]
DAY_MS = 86_400_000
STEP_COLUMNS = {
    "path_channels": "channel", "path_nodes": "node", "path_sources": "source", "path_mediums": "medium",
    "path_campaigns": "campaign", "path_kinds": "kind", "path_ts": "ts", "path_touchpoint_ids": "touchpoint_id",
}  # fmt: skip


def _by_person(rows: list[Row], order: str) -> dict[tuple[Any, ...], list[Row]]:
    """Each person's rows in order of time."""
    return grouped(sorted(rows, key=lambda r: (r["ts"], r[order])), "site", "person_id")


def paths_of(conversions: list[Row], touchpoints: list[Row], rules: ConversionRules) -> list[Row]:
    """One path per conversion."""
    paths = []
    touched, converted = _by_person(touchpoints, "touchpoint_id"), _by_person(conversions, "conversion_id")
    for conversion in conversions:
        key, ts = (conversion["site"], conversion["person_id"]), conversion["ts"]
        kept = max(1, min(limits.PATH_TOUCHES_MAX, limits.PATHS_TOUCHES_MAX // len(converted[key])))
        steps = [
            t for t in [t for t in touched.get(key, []) if t["ts"] <= ts][-kept:]
            if ts - t["ts"] <= rules.lookback_days.get(t["kind"], rules.lookback_days["default"]) * DAY_MS
        ]  # fmt: skip
        paths.append({
            **{name: conversion[name] for name in ("site", "person_id", "conversion_id", "name", "value", "currency")},
            "converted_at": ts,
            "number": 1 + converted[key].index(conversion),
            "touches": len(steps),
            **{path: [step[column] for step in steps] for path, column in STEP_COLUMNS.items()},
            "first_touch_at": steps[0]["ts"] if steps else None,
            "seconds_to_convert": (ts - steps[0]["ts"]) / 1000 if steps else None,
            "devices": len({step["subject"] for step in steps if not step["subject"].startswith("~")}),
        })  # fmt: skip
    return paths


def open_paths_of(conversions: list[Row], touchpoints: list[Row], stages: dict[tuple[str, str], str]) -> list[Row]:
    """One open path per person who was touched after the last conversion, or never converted; with how far they came."""
    paths = []
    converted = _by_person(conversions, "conversion_id")
    for key, touched in _by_person(touchpoints, "touchpoint_id").items():
        last = converted[key][-1]["ts"] if key in converted else -1
        steps = [t for t in touched if t["ts"] > last]
        if steps:
            paths.append({
                "site": key[0], "person_id": key[1], "touches": len(steps), "path_channels": [t["channel"] for t in steps],
                "path_ts": [t["ts"] for t in steps], "last_touch_at": steps[-1]["ts"], "stage": stages.get((key[0], key[1]), ""),
            })  # fmt: skip
    return paths
