"""Channel rules as one SQL expression over source, medium, campaign, category, kind, click id, referrer and landing path: a tuple (channel, node)."""

from __future__ import annotations

from consumers.rules.files import ChannelRule, ChannelRules, OneOrMore, When
from consumers.rules.literal import host_or_below
from consumers.rules.literal import quote as quote
from schemas.touch import VISIT


def _listed(values: OneOrMore) -> list[str]:
    return [value.lower() for value in ([values] if isinstance(values, str) else values)]


def _values(values: OneOrMore) -> str:
    return ", ".join(map(quote, _listed(values)))


def _pattern(pattern: str, rules: ChannelRules) -> str:
    named = {"$paid": rules.paid, "$shop_campaign": rules.shop_campaign}
    return quote("(?i)" + named.get(pattern, pattern))


def alternative(when: When, rules: ChannelRules) -> str:
    """One alternative as SQL."""
    parts = [
        f"lower({column}) IN ({_values(values)})"
        for column, values in (
            ("source", when.source),
            ("medium", when.medium),
            ("category", when.category),
            ("kind", when.kind),
            ("click_id_type", when.click_id),
        )
        if values is not None
    ]
    if when.referrer is not None:
        parts.append(host_or_below("referrer_host", _listed(when.referrer)))
    parts += [
        f"match({column}, {_pattern(pattern, rules)})"
        for column, pattern in (
            ("source", when.source_matches),
            ("medium", when.medium_matches),
            ("utm_campaign", when.campaign_matches),
            ("referrer_host", when.referrer_matches),
            ("landing_path", when.path_matches),
        )
        if pattern is not None
    ]
    return "(" + " AND ".join(parts) + ")"


def condition(rule: ChannelRule, rules: ChannelRules) -> str:
    """When a rule matches, as SQL."""
    return " OR ".join(alternative(when, rules) for when in rule.when)


def channel_expression(rules: ChannelRules) -> str:
    """`multiIf(…)`: the tuple (channel, node) of the first rule that matches."""
    cases = [f"{condition(rule, rules)}, ({quote(rule.channel)}, {quote(rule.node)})" for rule in rules.rules]
    otherwise = f"({quote(rules.otherwise.channel)}, {quote(rules.otherwise.node)})"
    return "multiIf(\n    " + ",\n    ".join([*cases, otherwise]) + ")"


def nodes(rules: ChannelRules) -> dict[str, str]:
    """Every channel a sender may name, and its node."""
    named = {rule.channel: rule.node for rule in rules.rules}
    return {**named, rules.otherwise.channel: rules.otherwise.node, **rules.named_only}


def visit_kind(rules: ChannelRules) -> str:
    """The kind of the touchpoint that a visit of `channel` is, as SQL."""
    kinds = {rule.channel: rule.kind for rule in [*rules.rules, rules.otherwise] if rule.kind}
    return transform("channel", kinds, VISIT) if kinds else quote(VISIT)


def transform(column: str, mapping: dict[str, str], default: str = "") -> str:
    """A look-up of a column in a constant table."""
    keys = ", ".join(quote(key) for key in mapping)
    values = ", ".join(quote(value) for value in mapping.values())
    return f"transform(toString({column}), [{keys}], [{values}], {quote(default)})"
