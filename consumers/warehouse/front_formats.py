"""Formats for outside readers. Those that take schema files, templates or a registry's address are not among them,
nor those that only stand inside other protocols. Pure.
"""

from __future__ import annotations

from typing import Final

from consumers.warehouse.front_access import Refused

_FAMILIES: Final = (
    "tabseparated", "tsv", "csv", "customseparated", "json", "pretty", "rowbinary", "lineasstring", "raw",
)  # fmt: skip
_ALONE: Final = frozenset({
    "tskv", "ndjson", "values", "vertical", "xml", "markdown", "md", "native", "null", "parquet", "arrow", "arrowstream", "orc",
    "avro", "msgpack", "bsoneachrow", "sqlinsert", "npy", "hash", "png", "prometheus", "odbcdriver2", "geojson", "hivetext", "form",
    "buffers",
})  # fmt: skip


def format_allowed(name: str) -> bool:
    """Whether readers may use it, for reading or writing. The engine takes names in any case."""
    lower = name.lower()
    return lower.isascii() and lower.isalnum() and (lower in _ALONE or lower.startswith(_FAMILIES))


def require_format(name: str) -> None:
    """Raise `Refused` as for a format that does not exist."""
    if not format_allowed(name):
        raise Refused(
            73,
            "UNKNOWN_FORMAT",
            f"Unknown format {_shown(name)}, or one that takes files or addresses; not for readers.",
        )


def _shown(name: str) -> str:
    return name[:100].encode("unicode_escape").decode()
