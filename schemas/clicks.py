"""Click ids: which parameters of a link are some, and which of them an event carries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fast_query_parsers import parse_query_string

# Order matters: of several click ids on one link the first of this list is stored.
CLICK_IDS: Final = (
    "gclid", "gbraid", "wbraid", "dclid", "msclkid", "fbclid", "ttclid", "twclid", "li_fat_id", "ScCid", "sccid", "epik",
    "rdt_cid", "qclid", "yclid", "ymclid", "bd_vid", "obclid", "dicbo", "ob_click_id", "tblci", "irclickid", "irclid",
    "cjevent", "awc", "sscid", "ranSiteID", "clickref", "mc_cid", "mc_eid", "_kx", "_hsenc", "mkt_tok", "vero_id",
    "ko_click_id", "igshid", "igsh", "srsltid",
)  # fmt: skip


def parameters_of(url: str) -> dict[str, str]:
    """The parameters of an address; those of the fragment count where the query has none of them."""
    address, _, fragment = url.partition("#")
    pairs: dict[str, str] = {}
    for text in (address.partition("?")[2], fragment.partition("?")[2] or fragment):
        if "=" in text:
            for name, value in parse_query_string(text.encode("utf-8", "replace"), "&"):
                pairs.setdefault(name, value)
    return pairs


def first_click(ids: Mapping[str, object]) -> tuple[str, str]:
    """The first known click id of a mapping: (type, value); blank ones are none."""
    for name in CLICK_IDS:
        if (value := ids.get(name)) and (text := str(value).strip()):
            return name, text
    return "", ""


def click_of(click_ids: Mapping[str, object] | None, url: str | None) -> tuple[str, str]:
    """The click id of an event's context: (type, value); one that is told counts before that of the address."""
    told = first_click(click_ids) if click_ids else ("", "")
    return told if told[0] or not url else first_click(parameters_of(url))
