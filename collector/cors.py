"""Cross-origin answers, by site. Credentials only for origins a site lists exactly; `null` is never allowed. Pure."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from schemas.sites import Grant

Headers = tuple[tuple[bytes, bytes], ...]
VARY: Final = (b"vary", b"Origin")
_CREDENTIALS: Final = (b"access-control-allow-credentials", b"true")
EXPOSE: Final = (b"access-control-expose-headers", b"Retry-After")
_ORIGIN: Final = re.compile(rb"[a-z][a-z0-9+.-]{0,30}://[!-~]{1,260}")
# A name has at most 253 characters (RFC 1035), a port five; what is longer names nothing and isn't worth remembering.
HOST_CHARS_MAX: Final = 259
_PREFLIGHT: Final[Headers] = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding"),
    (b"access-control-max-age", b"7200"),
)


def origin_of(header: bytes) -> str:
    """The Origin header, if it has the shape of one; else the opaque origin `null`."""
    return header.decode("ascii") if _ORIGIN.fullmatch(header) else "null"


def same_site(origin: str, host: str) -> bool:
    """Whether a page of this origin shares its registrable domain with the host it sends to (or is that host).

    Browsers send our Lax cookie only then, so allowing credentials shows nothing to a foreign page."""
    return len(host) <= HOST_CHARS_MAX and _same_site(origin, host)


@lru_cache(maxsize=4_096)
def _same_site(origin: str, host: str) -> bool:
    try:
        page = urlsplit(origin).hostname or ""
        server = urlsplit("//" + host).hostname or ""
    except ValueError:
        return False
    if page == server:
        return bool(page)
    domain = _suffixes().privatesuffix(page)
    return domain is not None and domain == _suffixes().privatesuffix(server)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def allowed(origin: str, grant: Grant) -> bool:
    """Whether a browser page of this origin may send with this key. Secret keys are not bound to origins."""
    if grant.secret:
        return True
    return origin in grant.site.origins if grant.site.origins else origin != "null"


def headers_for(origin: str, *, credentials: bool) -> Headers:
    """The headers of an answer that the page may read."""
    allow = (b"access-control-allow-origin", origin.encode("latin-1"))
    return (allow, _CREDENTIALS, EXPOSE, VARY) if credentials else (allow, EXPOSE, VARY)


def granted(origin: str, host: str, grant: Grant) -> Headers:
    """The headers once the site is known; none for a secret key, which no browser should hold.

    Credentials for a listed origin; where a site lists none, for pages of the collector's own registrable domain."""
    if grant.secret:
        return (VARY,)
    listed = grant.site.origins
    return headers_for(origin, credentials=origin in listed if listed else same_site(origin, host))


def preflight(origin: str, *, credentials: bool) -> Headers:
    """The headers of the answer to an OPTIONS request."""
    return (*headers_for(origin, credentials=credentials), *_PREFLIGHT)
