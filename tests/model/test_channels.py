"""The SQL made from the channel rules classifies as a plain reading of the rule file does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.rules.channels import channel_expression
from consumers.rules.files import ChannelRules, load
from tests.model.driver import Driver, examples
from tests.model.siphash import sip_hash64
from tests.model.sources import classify

RULES = load().channels
FIELDS = ("source", "medium", "campaign", "category", "kind")


def _words(field: str, rules: ChannelRules) -> list[str]:
    """Every value of a field that some rule names."""
    found = {""}
    for rule in rules.rules:
        for when in rule.when:
            value = getattr(when, field, None)
            found |= {value} if isinstance(value, str) else set(value or ())
    return sorted(found)


WORDS = {
    "source": st.sampled_from([*_words("source", RULES), "google", "Email", "קמפיין"]),
    "medium": st.sampled_from(
        [*_words("medium", RULES), "CPC", "ppc", "paid-x", "retargeting", "Video", "xpush", "pushx", "scpx", "mobile"]
    )
    | st.text(max_size=4),
    "campaign": st.sampled_from(
        ["", "eshop", "shop", "Shopping 7", "workshop", "cross-network", "a Cross-Network b", "קניות"]
    ),
    "category": st.sampled_from([*_words("category", RULES), "unheard of"]),
    "kind": st.sampled_from([*_words("kind", RULES), "visit", "open"]),
}


@examples(25)
@given(st.lists(st.fixed_dictionaries(WORDS), min_size=1, max_size=200))
def test_sql_classifies_like_the_rule_file(driver: Driver, table: list[dict[str, str]]) -> None:
    columns = {name: [row[name] for row in table] for name in FIELDS}
    sql = (
        "SELECT c.1, c.2 FROM (SELECT *, utm AS utm_campaign, " + channel_expression(RULES) + " AS c FROM "
        "(SELECT t.1 AS source, t.2 AS medium, t.3 AS utm, t.4 AS category, t.5 AS kind "
        "FROM (SELECT arrayJoin(arrayZip({source:Array(String)}, {medium:Array(String)}, {campaign:Array(String)}, "
        "{category:Array(String)}, {kind:Array(String)})) AS t)))"
    )
    assert [tuple(row) for row in driver.rows(sql, columns)] == [classify(row, RULES) for row in table]


@pytest.mark.parametrize("values", [("",), ("a", "b"), ("אתר", "v", 0), ("s" * 17, -1, 2**62), ("12345678",)])
def test_sip_hash_is_the_engines(driver: Driver, values: tuple[str | int, ...]) -> None:
    listed = ", ".join(f"{{v{n}:{'Int64' if isinstance(value, int) else 'String'}}}" for n, value in enumerate(values))
    [(hashed,)] = driver.rows(f"SELECT sipHash64({listed})", {f"v{n}": value for n, value in enumerate(values)})
    assert hashed == sip_hash64(*values)
