"""An INSERT with data, as ClickHouse's HTTP interface takes it: for owners only, on a front opened writable."""

from __future__ import annotations

import re

import msgspec

from consumers.warehouse.front_request import FrontRequest

_INSERT = re.compile(rb"\s*(INSERT\s+INTO\s+.+?)\s+FORMAT\s+(\w+)(?:[ \t]*\r?\n|\s*$|\s)", re.IGNORECASE | re.DOTALL)
_SELECTS = re.compile(rb"\bSELECT\b", re.IGNORECASE)


class Insert(msgspec.Struct, frozen=True):
    """A statement without FORMAT, and the bytes in that format."""

    statement: str
    input_format: str
    data: bytes


def split_insert(request: FrontRequest) -> Insert | None:
    """The parts of an INSERT … FORMAT … with data; None for any other statement."""
    head = request.query.encode()
    whole = head + b"\n" + request.body if head else request.body
    found = _INSERT.match(whole)
    if found is None or _SELECTS.search(found.group(1)):
        return None
    statement = found.group(1).decode()
    if request.settings:
        settings = ", ".join(f"{name} = '{value}'" for name, value in request.settings.items() if name.isidentifier())
        statement += f" SETTINGS {settings}"
    return Insert(statement, found.group(2).decode(), whole[found.end() :])
