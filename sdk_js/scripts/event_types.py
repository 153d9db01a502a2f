"""Writes src/generated/event.ts from the JSON Schema of the canonical event. Run it when `schemas/event.py` changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "sdk_js" / "src" / "generated" / "event.ts"
HEAD = "// Generated from the JSON Schema of schemas/event.py by scripts/event_types.py; edit that, not this.\n"
PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def type_of(schema: dict[str, Any]) -> str:
    """The TypeScript type of a schema."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_of(each) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"Array<{type_of(schema.get('items', {}))}>"
    if schema.get("type") == "object":
        return f"Record<string, {type_of(schema.get('additionalProperties') or {})}>"
    return PRIMITIVES.get(schema.get("type", ""), "unknown")


def interface(name: str, schema: dict[str, Any]) -> str:
    """One exported interface. An optional field may also be left undefined, as JSON leaves it out."""
    text = " ".join(schema.get("description", "").split())
    required = set(schema.get("required", ()))
    lines = [f"/** {text} */", f"export interface {name} {{"]
    for field, each in schema["properties"].items():
        optional = field not in required
        lines.append(f"  {field}{'?' if optional else ''}: {type_of(each)}{' | undefined' if optional else ''};")
    return "\n".join([*lines, "}"])


def render() -> str:
    """The whole file."""
    sys.path.insert(0, str(ROOT))
    from schemas.event import Event

    parts = msgspec.json.schema(Event)["$defs"]
    return HEAD + "\n" + "\n\n".join(interface(name, parts[name]) for name in sorted(parts)) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(render(), encoding="utf-8")
