"""What an HTTP request says of where it comes from and what it takes: for the collector and the ClickHouse interface alike. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

OF_PROXIES: Final = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})
"""Headers by which a proxy says that it asks for somebody else."""
_NEVER: Final = re.compile(r"q=0(?:\.0*)?")


def is_loopback(name: str) -> bool:
    """Whether an address, or the name of a host, is this machine's own."""
    if name == "localhost":
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def encodings_offered(accepted: str) -> set[str]:
    """The encodings that an `Accept-Encoding` names, and not to refuse them (RFC 9110, 12.5.3)."""
    offers = (offer.replace(" ", "").partition(";") for offer in accepted.lower().split(","))
    return {name for name, _, weight in offers if not _NEVER.fullmatch(weight)}
