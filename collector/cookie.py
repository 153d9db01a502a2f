"""The first-party visitor cookie `nv_id`: reading it from a header, and the header that sets it. Pure."""

from __future__ import annotations

import re
from typing import Final

NAME: Final = "nv_id"
# Thirteen months, as far as browsers keep a cookie at all (400 days).
MAX_AGE_S: Final = 400 * 86_400
_FIND: Final = re.compile(rb"(?:^|;)\s*nv_id=([0-9A-Za-z._:~-]{8,128})\s*(?:;|$)")


def visitor_in(header: bytes) -> str:
    """The visitor of a Cookie header; "" = none that could be ours."""
    if b"nv_id=" not in header:
        return ""
    found = _FIND.search(header)
    return found.group(1).decode("ascii") if found else ""


def set_cookie(visitor_id: str, secure: bool) -> bytes:
    """The Set-Cookie value. Not HttpOnly: the SDK reads it, so that server and browser agree on the visitor."""
    flags = "; Secure" if secure else ""
    return f"{NAME}={visitor_id}; Max-Age={MAX_AGE_S}; Path=/; SameSite=Lax{flags}".encode("ascii")
