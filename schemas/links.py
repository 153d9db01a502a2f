"""Redirect links: where they lead, what touch a click on one is, and which addresses may be led to. Pure.

A link is stored by name, or signed: then its whole query is covered by an HMAC with (the hash of) the site's secret key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

import ada_url
import msgspec

from schemas import jsonfile
from schemas.sites import Site

FILE_NAME: Final = "links.json"
NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_ABSOLUTE: Final = re.compile(r"https?://[^/\\?#@\s]", re.IGNORECASE)
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\]")
URL_CHARS_MAX: Final = 4_096
# What a signed link may say of its touch, besides its target and its recipient.
TOUCH_PARAMETERS: Final = ("kind", "channel", "source", "medium", "campaign", "content", "term", "creative")


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stored link. `touch` are the members of a native event's touch."""

    name: str
    site: str
    url: str
    touch: dict[str, str] = {}
    created_at: int = 0


class Links(msgspec.Struct, frozen=True):
    """The file."""

    links: list[Link] = []


def parse(content: bytes) -> Links:
    """The links of a file. Raises `msgspec.MsgspecError` with the place of what is wrong."""
    return msgspec.json.decode(content, type=Links) if content.strip() else Links()


def dump(links: Links) -> bytes:
    """The file of these links."""
    return jsonfile.dump(links)


def target_of(url: str) -> str:
    """The address as a Location header may hold it (ASCII). Raises `ValueError` for what is no plain web address.

    Only an absolute http(s) URL with a host, without a user name, control characters or backslashes."""
    if len(url) > URL_CHARS_MAX or _UNSAFE.search(url) or not _ABSOLUTE.match(url):
        raise ValueError("not an absolute http(s) address")
    parsed = ada_url.URL(url)
    if parsed.protocol not in ("http:", "https:") or not parsed.hostname or parsed.username or parsed.password:
        raise ValueError("not an absolute http(s) address")
    if not parsed.href.isascii() or _UNSAFE.search(parsed.href):
        raise ValueError("not an absolute http(s) address")
    return str(parsed.href)


def sign(query: str, secret_sha256: str) -> str:
    """The value of `s` for this query (all that stands before `&s=`), with the hash of the site's secret key."""
    digest = hmac.new(secret_sha256.encode(), query.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def signed_by(query: str, signature: str, site: Site, now_ms: int) -> bool:
    """Whether one of the site's good secret keys signed this query. Constant time in the signature."""
    good = False
    for key in site.secret_keys:
        if key.good(now_ms):
            good |= hmac.compare_digest(sign(query, key.sha256).encode(), signature.encode("utf-8", "replace"))
    return good
