"""Hosts whose referral continues a visit (continuity.csv) as one SQL condition over `referrer_host`."""

from __future__ import annotations

import re

import msgspec

from consumers.rules.literal import quote


class Continuing(msgspec.Struct, frozen=True):
    """A host and all below it; `name.*` = any host that begins so. `kind` says why."""

    host: str
    kind: str


def is_listed(hosts: list[Continuing]) -> str:
    """Whether the referrer is on the list."""
    whole = sorted(row.host.lower() for row in hosts if not row.host.endswith(".*"))
    begins = sorted(row.host.lower().removesuffix(".*") for row in hosts if row.host.endswith(".*"))
    parts = []
    if whole:
        parts.append(f"match(referrer_host, {quote(f'(^|[.])({_either(whole)})$')})")
    if begins:
        parts.append(f"match(referrer_host, {quote(f'^({_either(begins)})[.]')})")
    return f"({' OR '.join(parts)})" if parts else "0"


def _either(names: list[str]) -> str:
    return "|".join(re.escape(name).replace("\\-", "-") for name in names)
