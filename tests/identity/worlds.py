"""Hypothesis strategies: events by few people with many identifiers, on shared devices, with typos, aliases and blanks."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from consumers.enrich.links import DEVICES
from tests.model.worlds import CHROME, HOUR, MINUTE, Sent

STEPS = (0, 0, 1, 500, 5 * MINUTE, 31 * MINUTE, 3 * HOUR, -1, -2 * HOUR)
VISITORS = ("v1", "v1", "v2", "v3", "", "", "undefined", "~x")
USERS = (None, None, None, "u1", "u1", "u2", "u3", "null", "NULL\t", "\u00a0u1")
EMAILS = (None, None, None, None, "a@example.com", "b@example.com", "NULL", "test@test.com")
FURTHER: tuple[dict[str, Any], ...] = (
    {}, {}, {}, {"crm_id": "c1"}, {"crm_id": "c2"}, {"loyalty_id": "l1"}, {"device_id": "d1"}, {"device_id": "d2", "idfa": "i1"},
    {"idfa": "00000000-0000-0000-0000-000000000000"}, {"telegram": "t1"}, {"gclid": "g1"}, {"gclid": "g2"}, {"visitor_id": "v2"},
    {"visitor_id": "v4"}, {"user_id": "u2"}, {"user_id": "u4"}, {"a:b": "x:y"}, {"crm_id": "c1", "loyalty_id": "l2"}, {"crm_id": ""},
    {"user_id": "u2", "crm_id": "c1"},
)  # fmt: skip
SESSIONS = (None, None, None, "s1", "s2")
TYPES = ("page", "page", "identify", "identify", "alias", "track", "conversion", "touch")


@st.composite
def event(draw: st.DrawFn) -> Sent:
    kind = draw(st.sampled_from(TYPES))
    told: dict[str, Any] = {"type": kind}
    if kind == "track":
        told["name"] = draw(st.sampled_from(("logged_out", "logged_out", "view")))
    if kind == "conversion":
        told["order"] = {"id": draw(st.sampled_from(("o1", "o2", "o3"))), "value": 10}
    if kind == "touch":
        told["touch"] = {"kind": "call"}
    for field, values in (
        ("user_id", USERS),
        ("email", EMAILS),
        ("phone", (None, None, None, "0501112222", "000", "+1 000 000 0000")),
    ):
        if (value := draw(st.sampled_from(values))) is not None:
            told[field] = value
    if session := draw(st.sampled_from(SESSIONS)):
        told["session_id"] = session
    if further := draw(st.sampled_from(FURTHER)):
        told["identifiers"] = further
    if draw(st.integers(0, 5)) == 0:
        told["context"] = {"url": "https://shop.example/?gclid=" + draw(st.sampled_from(("g1", "g3")))}
    visitor = draw(st.sampled_from(VISITORS))
    if not visitor and not any(told.get(field) for field in ("user_id", "email", "phone", "context")):
        told["user_id"] = "u1"
    return Sent(
        site=draw(st.sampled_from((0, 0, 0, 0, 1))), late=draw(st.sampled_from((0, 0, 1_000, 5 * HOUR))),
        step=draw(st.sampled_from(STEPS)), event_id=draw(st.text("abcdef", min_size=1, max_size=3)), visitor_id=visitor,
        event=told, secret=draw(st.booleans()), dialect=draw(st.sampled_from(("native", "native", "import"))), user_agent=CHROME,
    )  # fmt: skip


def worlds() -> st.SearchStrategy[list[Sent]]:
    """Small worlds, for every pair of causes; larger ones, for chains."""
    return st.lists(event(), min_size=1, max_size=8) | st.lists(event(), min_size=10, max_size=40)


def worlds_of_levels() -> st.SearchStrategy[list[Sent]]:
    """Worlds of several levels without what forms groups: no second device on an event, no alias with the secret key."""
    return st.lists(event().map(_of_levels), min_size=3, max_size=25)


def _of_levels(sent: Sent) -> Sent:
    further = {kind: value for kind, value in sent.event.get("identifiers", {}).items() if kind not in DEVICES}
    return msgspec.structs.replace(
        sent, event={**sent.event, "identifiers": further}, secret=sent.secret and sent.event["type"] != "alias"
    )
