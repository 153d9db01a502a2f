"""What enrichment looks things up in, each with a memory of its own: few agents and addresses make most of the traffic."""

from __future__ import annotations

from functools import lru_cache

import iptocc

from consumers.enrich.agent import agent_parser
from consumers.enrich.steps import Lookups


def make_lookups() -> Lookups:
    """User agents and countries."""

    @lru_cache(50_000)
    def country(address: str) -> str:
        try:
            return iptocc.country_code(address) or ""
        except ValueError:
            return ""

    return Lookups(agent_parser(), country)
