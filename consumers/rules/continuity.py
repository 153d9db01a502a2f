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
    parts = _listed([row.host.lower() for row in hosts if not row.site])
    own = [row for row in hosts if row.site]
    for site in sorted({row.site for row in own if row.host.endswith(".*")}):
        begun = [row.host.lower() for row in own if row.site == site and row.host.endswith(".*")]
        parts.append(f"site = {quote(site)} AND {_listed(begun)[0]}")
    parts += _owned([(row.site, row.host.lower()) for row in own if not row.host.endswith(".*")])
    return f"({' OR '.join(parts)})" if parts else "0"


def _owned(hosts: list[tuple[str, str]]) -> list[str]:
    """Whether the referrer is a host of its own site, or below one. Thousands of sites have one: they are one set for each number of
    labels that a host has, in which as many last labels of the referrer are looked up."""
    parts = []
    for dots in sorted({host.count(".") for _, host in hosts}):
        listed = sorted({(site, host) for site, host in hosts if host.count(".") == dots})
        last_labels = quote(f"((?:[^.]*[.]){{{dots}}}[^.]*)$")
        pairs = ", ".join(f"({quote(site)}, {quote(host)})" for site, host in listed)
        parts.append(f"(toString(site), toString(extract(referrer_host, {last_labels}))) IN ({pairs})")
    return parts


def _listed(hosts: list[str]) -> list[str]:
    whole = sorted(host for host in hosts if not host.endswith(".*"))
    begins = sorted(host.removesuffix(".*") for host in hosts if host.endswith(".*"))
    parts = []
    if whole:
        parts.append(host_or_below("referrer_host", whole))
    if begins:
        parts.append(f"match(referrer_host, {quote(f'^({either(begins)})[.]')})")
    return parts
