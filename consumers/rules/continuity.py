"""Hosts whose referral continues a visit (continuity.csv, and the sites' own domains) as one SQL condition over `referrer_host`."""

from __future__ import annotations

import msgspec

from consumers.rules.literal import either, host_or_below, quote


class Continuing(msgspec.Struct, frozen=True):
    """A host and all below it; `name.*` = any host that begins so. `kind` says why; `site` for which one, '' = all."""

    host: str
    kind: str
    site: str = ""


def is_listed(hosts: list[Continuing]) -> str:
    """Whether the referrer is on the list, for an event of `site`."""
    parts = []
    for site in sorted({row.site for row in hosts}):
        own = _listed([row.host.lower() for row in hosts if row.site == site])
        parts += [f"site = {quote(site)} AND ({' OR '.join(own)})"] if site else own
    return f"({' OR '.join(parts)})" if parts else "0"


def _listed(hosts: list[str]) -> list[str]:
    whole = sorted(host for host in hosts if not host.endswith(".*"))
    begins = sorted(host.removesuffix(".*") for host in hosts if host.endswith(".*"))
    parts = []
    if whole:
        parts.append(host_or_below("referrer_host", whole))
    if begins:
        parts.append(f"match(referrer_host, {quote(f'^({either(begins)})[.]')})")
    return parts
