"""Any bytes as a body, and broken variants of good ones: never a 5xx, and the sum of verdicts is the number of events."""

from __future__ import annotations

import gzip
import json
import os

import pytest
from collector_server import Running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.statements import statements_of
from consumers.enrich.costs import cost_rows
from eventlog.contract import Position
from schemas.rejection import CODES

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


rows = st.dictionaries(
    st.sampled_from(["day", "cost", "source", "currency", "clicks", "zz"]),
    values | st.sampled_from(["2026-11-01", "ILS", 5, "1.50", 1e308, -1, "NaN"]),
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
