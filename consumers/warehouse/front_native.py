"""ClickHouse's own compressed framing (`compress=1`), which the Go and Java clients ask for (Grafana, Metabase).

A frame: CityHash128 of what follows, then method, size of the frame without the hash, size of the data, LZ4 block.
"""

from __future__ import annotations

import struct

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128

_LZ4 = 0x82
_HEAD_BYTES = 9
_DATA_BYTES_MAX = 1024 * 1024


def frames(data: bytes, *, legible: bool = False) -> bytes:
    """The data as one frame or several. `legible`: as they stand, for clients that look for an error in the packed bytes."""
    pieces = (data[start : start + _DATA_BYTES_MAX] for start in range(0, len(data), _DATA_BYTES_MAX))
    return b"".join(_frame(piece, _literals(piece) if legible else _packed(piece)) for piece in pieces)


def _packed(data: bytes) -> bytes:
    packed: bytes = lz4.block.compress(data, store_size=False)
    return packed


def _literals(data: bytes) -> bytes:
    """An LZ4 block that repeats nothing: the length, 15 in the token and 255 a byte, then the data."""
    if len(data) < 15:
        return bytes([len(data) << 4]) + data
    more, rest = divmod(len(data) - 15, 255)
    return b"\xf0" + b"\xff" * more + bytes([rest]) + data


def _frame(data: bytes, packed: bytes) -> bytes:
    head = struct.pack("<BII", _LZ4, _HEAD_BYTES + len(packed), len(data))
    return checksum(head + packed) + head + packed


def checksum(frame: bytes) -> bytes:
    """The 16 bytes in front of a frame."""
    high, low = divmod(int(CityHash128(frame)), 1 << 64)
    return struct.pack("<QQ", high, low)
