"""Any bytes as a body, and broken variants of good ones: never a 5xx, and the sum of verdicts is the number of events."""

from __future__ import annotations

import gzip
import json
import os

import pytest
from collector_server import Running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.accept import Sender, judge
from collector.bounds import suspect
from collector.statements import statements_of
from consumers.enrich.costs import cost_rows
from consumers.enrich.facts import facts_of
from consumers.lookups import make_lookups
from eventlog.contract import Position, Stored
from schemas.record import Accepted, encode
from schemas.rejection import CODES
from schemas.sites import Site

TIMES = 100 if os.environ.get("NETIV_HYPOTHESIS") == "long" else 1

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=8), some), max_leaves=12
)
names = st.sampled_from(
    ["type", "visitor_id", "user_id", "context", "order", "touch", "events", "sent_at", "created_at", "identifiers",
     "properties", "write_key", "seq"]
)  # fmt: skip
events = st.dictionaries(names, values | st.sampled_from(["page", "track", "v", "2026-11-21T10:00:00Z"]), max_size=6)
bodies = st.one_of(
    st.binary(max_size=300),
    events.map(lambda event: json.dumps(event).encode()),
    st.lists(events, max_size=5).map(
        lambda some: json.dumps({"events": some}, ensure_ascii=False).encode("utf-8", "replace")
    ),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(bodies))
    for _ in range(draw(st.integers(0, 3))):
        if body:
            body[draw(st.integers(0, len(body) - 1))] = draw(st.sampled_from(b'\x00\xff\\"{}[],:0eu'))
    whole = bytes(body)
    return gzip.compress(whole)[: draw(st.integers(5, 400))] if draw(st.integers(0, 9)) == 0 else whole


@pytest.mark.filterwarnings("default")
@settings(max_examples=300 * TIMES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=damaged())
def test_bodies(collector: Running, body: bytes) -> None:
    answer = collector.post(body)
    assert answer.status in (202, 400, 413), answer.body
    if answer.status == 202:
        verdicts = answer.json
        assert verdicts["accepted"] + verdicts["duplicates"] + len(verdicts["rejected"]) >= 1


@settings(max_examples=150 * TIMES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=80))
def test_pixels(collector: Running, query: str) -> None:
    answer = collector.get(f"/p.gif?k=wk_open_site&{query}")
    assert answer.status == 200
    assert len(answer.body) == 43


LOOKUPS = make_lookups()
# Around what a double holds: 1.8e308.
digits = st.builds(
    lambda first, count, rest: first + rest * count, st.sampled_from("129"), st.integers(0, 320), st.sampled_from("059")
)
numbers = st.builds(
    lambda sign, whole, fraction, exponent: sign + whole + fraction + exponent,
    st.sampled_from(["", "-"]),
    digits | st.just("0"),
    st.just("") | digits.map(lambda text: "." + text),
    st.just("")
    | st.builds(
        lambda letter, sign, zeros, power: f"{letter}{sign}{'0' * zeros}{power}",
        st.sampled_from("eE"),
        st.sampled_from(["", "+", "-"]),
        st.integers(0, 4),
        st.integers(90, 110) | st.integers(0, 400),
    ),
)
texts = st.recursive(
    numbers | scalars.map(json.dumps),
    lambda some: (
        st.lists(some, max_size=3).map(lambda all_: f"[{', '.join(all_)}]") | some.map(lambda one: f'{{"a": {one} }}')
    ),
    max_leaves=4,
)
places = st.sampled_from(
    ["properties", "context", "identifiers", "order", "touch", "seq", "user_id", "created_at", "foo"]
)


@settings(max_examples=1_000 * TIMES, deadline=None)
@given(members=st.lists(st.tuples(places, texts), min_size=1, max_size=3))
def test_what_is_accepted_is_understood(members: list[tuple[str, str]]) -> None:
    """Nothing that was answered with 202 ends among the bad events later."""
    inside = "".join(f',"{name}":{text}' for name, text in members)
    raw = f'{{"type":"page","visitor_id":"v"{inside}}}'.encode()
    verdict = judge(raw, Sender(Site("shop"), True, 1_780_000_000_000), suspect(raw), lambda: "id")
    facts = facts_of([Stored(Position(1, 0, 0), b"", encode(verdict.record), 1_780_000_000_000)], LOOKUPS)
    assert len(facts.events["site"]) == isinstance(verdict.record, Accepted)
    assert len(facts.bad) == (verdict.rejection is not None)


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("1" + "0" * 209 + "e99", True),
        ("2" + "0" * 209 + "e99", False),
        ("9" * 209 + "e99", True),
        ("-9" + "9" * 209 + "E+99", False),
        ("2" + "0" * 209 + ".5e99", False),
        ("1e0099", True),
        ("1E+0308", True),
        ("2e0308", False),
        ("0." + "9" * 400 + "e99", True),
        ("9" * 308, True),
        ("9" * 309, False),
    ],
)
def test_the_first_number_that_is_too_large(number: str, fits: bool) -> None:
    raw = b'{"type":"page","visitor_id":"v","properties":{"x":%b}}' % number.encode()
    verdict = judge(raw, Sender(Site("shop"), True, 0), suspect(raw), lambda: "id")
    assert (verdict.rejection is None) is fits


rows = st.dictionaries(
    st.sampled_from(["day", "cost", "source", "currency", "clicks", "zz"]),
    values | st.sampled_from(["2026-11-01", "ILS", 5, "1.50", 1e308, -1, "NaN", "1e999999999", "0e999999999", "99999999999999.99999"]),
    max_size=6,
)  # fmt: skip


@settings(max_examples=300 * TIMES, deadline=None)
@given(costs=st.lists(rows, max_size=4) | values)
def test_costs(costs: object) -> None:
    found = statements_of(json.dumps({"costs": costs}).encode("utf-8", "replace"), "shop", 0)
    if isinstance(found, list):
        assert sum(len(one.rows) for one in found) == len(costs)  # type: ignore[arg-type]
        assert all(cost_rows(one, Position(1, 0, 0)) for one in found)
    else:
        assert found.code in CODES
