"""What a URL says: its host, its campaign parameters, its click id. Values keep their case, as sent."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

import ada_url
import msgspec

from consumers.enrich.remembering import of
from schemas.clicks import first_click, parameters_of

UTM: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
Labels = tuple[str, str, str, str, str]
UNLABELLED: Final[Labels] = ("", "", "", "", "")


def key_of(parts: tuple[str, ...]) -> int:
    """A 64-bit hash of what is not empty; 0 stands for nothing at all."""
    if not any(parts):
        return 0
    digest = blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


class Link(msgspec.Struct, frozen=True, gc=False):
    """A parsed URL. `utm` in the order of `UTM`; the keys are `key_of` it and of the click id."""

    host: str = ""
    utm: Labels = UNLABELLED
    campaign_key: int = 0
    click_id_type: str = ""
    click_id: str = ""
    click_key: int = 0


NOTHING: Final = Link()


@lru_cache(4_000)
def host_of(url: str) -> str:
    """The host of a URL as browsers read it (WHATWG), lower-case, without a port; '' for what is no URL."""
    if not url:
        return ""
    try:
        return ada_url.URL(url).hostname.rstrip(".")
    except ValueError:
        return ""


@lru_cache(4_000)
def parse_link(url: str) -> Link:
    """Everything a landing URL says; the parameters of the fragment count where the query has none of them."""
    host = of(host_of, url)
    address, _, fragment = url.partition("#")
    query = address.partition("?")[2]
    if not query and "=" not in fragment:
        return Link(host) if host else NOTHING
    pairs = parameters_of(url)
    source, medium, name, content, term = (pairs.get(key, "") for key in UTM)
    labels = (source, medium, name, content, term)
    click = first_click(pairs)
    return Link(host, labels, key_of(labels), *click, key_of(click))
