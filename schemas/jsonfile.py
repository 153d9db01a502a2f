"""JSON files that an operator may read, keep under version control and compare line by line. Pure."""

from __future__ import annotations

import msgspec
import orjson


def dump(value: msgspec.Struct) -> bytes:
    """Its file: indented by two, one trailing newline."""
    return orjson.dumps(msgspec.to_builtins(value), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
