"""gzip bodies, inflated up to a cap: a bomb stops at the cap, not when memory ends. Pure."""

from __future__ import annotations

import zlib
from typing import Final

_GZIP_WINDOW: Final = 31
MAGIC: Final = b"\x1f\x8b"


class InvalidGzip(Exception):
    """Not one complete gzip stream."""


class InflatedTooLarge(Exception):
    """Over the cap."""


def inflate(body: bytes, bytes_max: int) -> bytes:
    """The content of exactly one gzip member. Raises `InvalidGzip` or `InflatedTooLarge`."""
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = stream.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise InvalidGzip(str(error)) from error
    if len(content) > bytes_max:
        raise InflatedTooLarge
    if not stream.eof or stream.unused_data or stream.unconsumed_tail:
        raise InvalidGzip("truncated, or something follows the stream")
    return content
