"""CORS for foreign clients: any page may read any answer, with credentials, and ask for any header. Pure.

Some libraries always send credentials, and some add headers only when they retry: a list that is too short loses the
retries. The answers hold nothing of a visitor, and our cookie is not sent across sites (`SameSite=Lax`).
"""

from __future__ import annotations

import re
from typing import Final

from collector.cors import EXPOSE, VARY, Headers, origin_of

_MIRRORED: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1024}")
_METHODS: Final = (b"access-control-allow-methods", b"GET, POST, OPTIONS")
# Chromium caps it at two hours; without it every event would cost two round trips.
_MAX_AGE: Final = (b"access-control-max-age", b"86400")


def headers_for(origin: bytes | None) -> Headers:
    """The headers of every answer. An opaque origin (`null`) may read it, without credentials."""
    if origin is None:
        return (VARY,)
    known = origin_of(origin)
    if known == "null":
        return ((b"access-control-allow-origin", b"*"), EXPOSE, VARY)
    return (
        (b"access-control-allow-origin", known.encode("ascii")),
        (b"access-control-allow-credentials", b"true"),
        EXPOSE,
        VARY,
    )


def preflight(headers: dict[bytes, bytes]) -> Headers:
    """The headers of the answer to an OPTIONS request."""
    asked = headers.get(b"access-control-request-headers", b"")
    mirrored = ((b"access-control-allow-headers", asked),) if _MIRRORED.fullmatch(asked) else ()
    return (*headers_for(headers.get(b"origin")), _METHODS, *mirrored, _MAX_AGE)
