"""The SDK's TypeScript types are those of the published JSON Schema, as generated."""

from __future__ import annotations

import runpy
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "sdk_js" / "scripts" / "event_types.py"


def test_the_committed_types_are_current() -> None:
    names = runpy.run_path(str(SCRIPT))
    assert names["OUTPUT"].read_text(encoding="utf-8") == names["render"](), f"run {SCRIPT.name}"


def test_each_field_of_an_event_has_a_type() -> None:
    rendered = runpy.run_path(str(SCRIPT))["render"]()
    assert '"page"' in rendered
    assert "visitor_id?: string | number | null | undefined;" in rendered
    assert "context?: Context | null | undefined;" in rendered
    assert "items?: Array<Record<string, unknown>> | null | undefined;" in rendered
