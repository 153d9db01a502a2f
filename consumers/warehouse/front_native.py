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


def frames(data: bytes) -> bytes:
    """The data as one frame or several."""
    return b"".join(_frame(data[start : start + _DATA_BYTES_MAX]) for start in range(0, len(data), _DATA_BYTES_MAX))


def _frame(data: bytes) -> bytes:
    packed: bytes = lz4.block.compress(data, store_size=False)
    head = struct.pack("<BII", _LZ4, _HEAD_BYTES + len(packed), len(data))
    return checksum(head + packed) + head + packed


def checksum(frame: bytes) -> bytes:
    """The 16 bytes in front of a frame."""
    high, low = divmod(int(CityHash128(frame)), 1 << 64)
    return struct.pack("<QQ", high, low)
