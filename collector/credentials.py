"""Where a request may carry its key. Pure; never logs nor compares a key."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

KEY_CHARS_MAX: Final = 512
_QUERY: Final = re.compile(rb"(?:^|&)(?:write_key|k)=([^&]*)")
_BODY: Final = re.compile(rb'"write_key"\s*:\s*"([^"\\]{1,512})"')


def key_in_header(authorization: bytes) -> str | None:
    """`Bearer KEY`, or `Basic base64(KEY:)`; None where there is neither."""
    if authorization[:7] == b"Bearer " or authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip().decode("latin-1")
    if authorization[:6].lower() == b"basic ":
        try:
            pair = base64.b64decode(authorization[6:].strip(), validate=True)
        except (binascii.Error, ValueError):
            return ""
        return pair.partition(b":")[0].decode("latin-1")
    return None


def key_in_query(query: bytes) -> str | None:
    """`write_key` (or `k`) of a query string."""
    found = _QUERY.search(query)
    if found is None:
        return None
    key = found.group(1)
    if key.find(b"%") >= 0 or key.find(b"+") >= 0:  # of a single byte `in` takes three times as long
        key = unquote_to_bytes(key.replace(b"+", b" "))
    return key.decode("latin-1")


def key_in_unparsed(body: bytes) -> str | None:
    """A `write_key` in a body that could not be parsed, so that the sender can be named all the same."""
    found = _BODY.search(body)
    return found.group(1).decode("latin-1") if found else None


def mask(body: bytes) -> bytes:
    """A body that could not be parsed, without the keys in it."""
    return _BODY.sub(b'"write_key":"***"', body)
