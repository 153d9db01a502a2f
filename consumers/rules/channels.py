"""Channel rules as one SQL expression over source, medium, campaign, category, kind, click id, referrer and landing path: a tuple (channel, node)."""

from __future__ import annotations

from consumers.rules.files import ChannelRule, ChannelRules, OneOrMore, When
from consumers.rules.literal import quote as quote


def _values(values: OneOrMore) -> str:
    listed = [values] if isinstance(values, str) else values
    return ", ".join(quote(value.lower()) for value in listed)


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
            ("referrer_host", when.referrer),
        )
        if values is not None
    ]
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


def transform(column: str, mapping: dict[str, str], default: str = "") -> str:
    """A look-up of a column in a constant table."""
    keys = ", ".join(quote(key) for key in mapping)
    values = ", ".join(quote(value) for value in mapping.values())
    return f"transform(toString({column}), [{keys}], [{values}], {quote(default)})"
