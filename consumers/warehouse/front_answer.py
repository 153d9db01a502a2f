"""How ClickHouse answers: status per error code, content types, headers, compression. Pure."""

from __future__ import annotations

import secrets
import zlib
from typing import Protocol

import lz4.frame
from clickhouse_connect.driver.compression import _require_zstd

from schemas.requests import encodings_offered

Headers = list[tuple[bytes, bytes]]

_FORBIDDEN = {192, 193, 497, 516}
_BAD_REQUEST = {6, 26, 27, 33, 36, 38, 41, 42, 43, 44, 48, 53, 62, 69, 70, 72, 89, 117, 130, 131, 190, 307, 354, 386}
_BAD_REQUEST |= {374, 427, 452, 456, 457}
_NOT_FOUND = {16, 46, 47, 50, 56, 60, 63, 73, 81, 82, 115, 372}
_STATUS = {159: 408, 194: 401, 202: 503, 48: 501, 307: 413}

_TYPES = (
    ("JSONEachRow", "application/x-ndjson; charset=UTF-8"),
    ("JSONCompactEachRow", "application/x-ndjson; charset=UTF-8"),
    ("JSONStringsEachRow", "application/x-ndjson; charset=UTF-8"),
    ("JSON", "application/json; charset=UTF-8"),
    ("TabSeparated", "text/tab-separated-values; charset=UTF-8"),
    ("TSV", "text/tab-separated-values; charset=UTF-8"),
    ("CSV", "text/csv; charset=UTF-8; header="),
    ("XML", "application/xml; charset=UTF-8"),
    ("Pretty", "text/plain; charset=UTF-8"),
    ("Vertical", "text/plain; charset=UTF-8"),
)


def http_status(code: int) -> int:
    """The HTTP status of an error number."""
    if code in _STATUS:
        return _STATUS[code]
    if code in _FORBIDDEN:
        return 403
    if code in _NOT_FOUND:
        return 404
    return 400 if code in _BAD_REQUEST else 500


def content_type(output_format: str) -> str:
    """The content type of a format."""
    for prefix, kind in _TYPES:
        if output_format.startswith(prefix):
            present = "present" if "WithNames" in output_format else "absent"
            return kind + present if kind.endswith("header=") else kind
    return "application/octet-stream"


def error_text(code: int, name: str, text: str, version: str) -> str:
    """`Code: 62. DB::Exception: … (SYNTAX_ERROR) (version …)`, from a message with or without its code."""
    ours = f"Code: {code}. DB::Exception: {text} ({name or 'UNKNOWN_EXCEPTION'})"
    whole = text if text.startswith("Code: ") else ours
    return whole if "(version " in whole[-60:] else f"{whole} (version {version})"


def exception_tag() -> str:
    """A random tag with which a client tells our mid-stream error from data."""
    return secrets.token_hex(8)


def tagged_error(text: str, tag: str) -> bytes:
    """What is appended to a result that breaks in its middle."""
    message = text.encode()
    head = b"\r\n__exception__\r\n" + tag.encode() + b"\r\n"
    return head + message + b"\n" + f"{len(message) + 1} {tag}".encode() + b"\r\n__exception__\r\n"


class Encoder(Protocol):
    """Compresses a stream; every chunk can be read as soon as it comes."""

    name: str

    def chunk(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class _Zlib:
    def __init__(self, name: str, window: int) -> None:
        self.name = name
        self._stream = zlib.compressobj(3, zlib.DEFLATED, window)

    def chunk(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._stream.flush()


class _Zstd:
    name = "zstd"

    def __init__(self) -> None:
        self._stream = _require_zstd().ZstdCompressor(level=1)  # type: ignore[no-untyped-call]

    def chunk(self, data: bytes) -> bytes:
        return bytes(self._stream.compress(data, self._stream.FLUSH_BLOCK))

    def end(self) -> bytes:
        return bytes(self._stream.flush())


class _Lz4:
    name = "lz4"

    def __init__(self) -> None:
        self._stream = lz4.frame.LZ4FrameCompressor(auto_flush=True)
        self._begun = False

    def chunk(self, data: bytes) -> bytes:
        head = b"" if self._begun else self._stream.begin()
        self._begun = True
        return bytes(head + self._stream.compress(data))

    def end(self) -> bytes:
        head = b"" if self._begun else self._stream.begin()
        return bytes(head + self._stream.flush())


def encoder(accept: str) -> Encoder | None:
    """The best encoding the client accepts: zstd, lz4, gzip, deflate; None = plain."""
    offered = encodings_offered(accept)
    if "zstd" in offered:
        return _Zstd()
    if "lz4" in offered:
        return _Lz4()
    if "gzip" in offered:
        return _Zlib("gzip", 31)
    return _Zlib("deflate", 15) if "deflate" in offered else None
