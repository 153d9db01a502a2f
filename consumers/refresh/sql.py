"""The derivation files as statements: {{name}} replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from consumers.warehouse.migrations import statements

FOLDER = Path(__file__).parents[2] / "schemas" / "clickhouse"
_MACRO = re.compile(r"\{\{(\w+)\}\}")


def expand(text: str, macros: Mapping[str, str]) -> str:
    """Replace every {{name}}, also inside what was put in. Raises `KeyError` for a name nobody defined."""
    while _MACRO.search(text):
        text = _MACRO.sub(lambda match: macros[match[1]], text)
    return text


def read(name: str) -> str:
    """A file under schemas/clickhouse, as it stands."""
    return (FOLDER / name).read_text("utf-8")


def derivation(name: str, macros: Mapping[str, str]) -> list[str]:
    """The statements of derive/`name`.sql under these macros."""
    return [expand(statement, macros) for statement in statements(read(f"derive/{name}.sql"))]
