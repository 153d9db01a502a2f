"""Where a visit or touch came from: source, medium, channel, node; a plain reading of channels.yaml and referrers.csv.

In order of trust: what the link says of itself, the click id, an external referrer, nothing.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from publicsuffixlist import PublicSuffixList

from consumers.rules.files import ChannelRules, Rules, When
from tests.model.facts import Fact

_SUFFIXES = PublicSuffixList()
MEDIUM_OF = {"search": "organic", "social": "social", "community": "social", "email": "email", "ai": "ai-assistant"}


class Source(NamedTuple):
    source: str
    medium: str
    channel: str
    node: str
    external: bool


def domain_of(host: str) -> str:
    return _SUFFIXES.privatesuffix(host) or host


def continues_a_visit(host: str, site: str, rules: Rules) -> bool:
    """Whether continuity.csv, or the site, lists the host, or one above it; `name.*` is any host that begins so."""
    return any(
        host.startswith(listed.removesuffix("*"))
        if listed.endswith(".*")
        else host == listed or host.endswith(f".{listed}")
        for listed in (row.host.lower() for row in rules.continuity if row.site in ("", site))
    )


def _look_up(host: str, rules: Rules) -> tuple[str, str]:
    """(source, category) of a host or source name: as it stands, its domain, its name under any suffix."""
    known = {row.host: (row.source, row.category) for row in rules.referrers}
    domain = domain_of(host)
    for key in (host, domain, domain.partition(".")[0] + ".*"):
        if key in known:
            return known[key]
    return "", ""


def source_of(fact: Fact, kind: str, rules: Rules) -> Source:
    """The source of a visit that begins with this fact, or of a touch."""
    host, own = fact["referrer_host"], fact["url_host"]
    external = bool(host and domain_of(host) != domain_of(own)) and not continues_a_visit(host, fact["site"], rules)
    click = rules.channels.click_ids.get(fact["click_id_type"])
    name = fact["utm_source"] or (click.source if click else "") or (host if external else "")
    known_source, category = _look_up(name.lower(), rules) if name else ("", "")
    if fact["utm_source"] or fact["utm_medium"]:
        source, medium = fact["utm_source"] or "(not set)", fact["utm_medium"] or "(not set)"
    elif click:
        source, medium = click.source, click.medium
    elif external:
        source, medium = known_source or host, MEDIUM_OF.get(category, "referral")
    else:
        source, medium = "(direct)", "(none)"
    what = {"source": source, "medium": medium, "campaign": fact["utm_campaign"], "category": category, "kind": kind}
    return Source(source, medium, *classify(what, rules.channels), external)


def classify(what: dict[str, str], rules: ChannelRules) -> tuple[str, str]:
    """(channel, node) of the first rule that matches."""
    for rule in rules.rules:
        if any(_holds(when, what, rules) for when in rule.when):
            return rule.channel, rule.node
    return rules.otherwise.channel, rules.otherwise.node


def _holds(when: When, what: dict[str, str], rules: ChannelRules) -> bool:
    patterns = {"$paid": rules.paid, "$shop_campaign": rules.shop_campaign}
    for field in ("source", "medium", "category", "kind"):
        wanted: Any = getattr(when, field)
        if wanted is not None and what[field].lower() not in [
            w.lower() for w in ([wanted] if isinstance(wanted, str) else wanted)
        ]:
            return False
    for field in ("source", "medium", "campaign"):
        pattern = getattr(when, f"{field}_matches")
        if pattern is not None and not re.search(patterns.get(pattern, pattern), what[field], re.IGNORECASE):
            return False
    return True


def visit_kind(channel: str, rules: ChannelRules) -> str:
    """What kind of touchpoint a visit of this channel is."""
    return next(
        (rule.kind for rule in [*rules.rules, rules.otherwise] if rule.channel == channel and rule.kind), "visit"
    )


def named_channel(channel: str, rules: ChannelRules) -> tuple[str, str] | None:
    """(channel, node) of a channel that a sender named, if the rules know it: by its very name, else whatever the letter case."""
    known = [*((rule.channel, rule.node) for rule in [*rules.rules, rules.otherwise]), *rules.named_only.items()]
    folded = channel.strip(" ").lower()
    exact = [found for found in known if found[0] == channel]
    return next(iter(exact or [found for found in known if found[0].lower() == folded]), None)
