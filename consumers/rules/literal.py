"""Text as a ClickHouse string literal."""

from __future__ import annotations


def quote(text: str) -> str:
    """A ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
