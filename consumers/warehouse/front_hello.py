"""The first question of a client that names a protocol version (clickhouse-go, and with it Grafana): who are you?

It reads this one answer as the Native format of the version it named, and all later ones as that of the version it is told.
The engine writes the first version of the format only, so that is what it is told: revision 0. Pure.
"""

from __future__ import annotations

import struct
from typing import Final

HELLO: Final = "SELECT displayName(), version(), revision(), timezone()"
_WITH_BLOCK_INFO: Final = 51_903
_WITH_KINDS_OF_SERIALIZATION: Final = 54_454
_BLOCK_INFO: Final = bytes([1, 0, 2, 255, 255, 255, 255, 0])
"""No overflow, no bucket."""


def hello(protocol: int, name: str, version: str, zone: str) -> bytes:
    """One block of one row in the Native format of that protocol version; texts of less than 128 bytes."""
    columns = (
        ("displayName()", "String", _text(name)),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", struct.pack("<I", 0)),
        ("timezone()", "String", _text(zone)),
    )
    head = (_BLOCK_INFO if protocol >= _WITH_BLOCK_INFO else b"") + bytes([len(columns), 1])
    kind = b"\0" if protocol >= _WITH_KINDS_OF_SERIALIZATION else b""
    return head + b"".join(_text(column) + _text(named) + kind + value for column, named, value in columns)


def protocol_version(text: str) -> int:
    """What `client_protocol_version` says, 0 = nothing."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _text(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded
