"""Hypothesis strategies: small worlds of events, full of the cases where derivations go wrong."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas.record import Accepted

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# A Tuesday, 23:50 UTC: midnight is near, and lateness crosses a month.
BEGIN = 1_772_495_400_000
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

STEPS = (0, 0, 1, 500, 9_999, 10_000, 5 * MINUTE, 5 * MINUTE + 1, 29 * MINUTE, 30 * MINUTE - 1, 30 * MINUTE, 30 * MINUTE + 1,
         HOUR, 2 * HOUR, 2 * HOUR + 1, 24 * HOUR, 30 * DAY, 30 * DAY + 1, 90 * DAY, 90 * DAY + 1, -1, -10 * MINUTE, -2 * HOUR)  # fmt: skip
LATE = (0, 0, 0, 1_000, 2 * HOUR, 40 * DAY)
VISITORS = ("v1", "v1", "v1", "v2", "מבקר", "v'\\%", "~x", "")
USERS = (None,) * 8 + ("u1", "u1", "u2", 'ש"\nמ')
PAGES = (None, "https://shop.example.com/", "https://www.example.com/p?utm_source=Google&utm_medium=CPC&utm_campaign=summer",
         "https://example.com/?utm_source=news&utm_medium=email", "https://example.com/?gclid=Abc", "https://example.com/?fbclid=x",
         "https://example.com/?utm_campaign=only", "https://example.com/קיץ?utm_medium=referral&gclid=z")  # fmt: skip
REFERRERS = (None, None, "https://www.google.co.il/", "https://shop.example.com/cart", "https://l.facebook.com/", "https://blog.unknown.org/x",
             "https://www.reddit.com/r/a", "not a url", "https://chatgpt.com/",
             "https://www.paypal.com/checkout", "https://acs.bank.example/3ds")  # fmt: skip
CAMPAIGNS = (None,) * 6 + (
    {"source": "facebook", "medium": "paid_social", "name": "אביב"},
    {"source": "X", "medium": ""},
    {"name": "sale shop"},
)
TOUCHES = ({"kind": "impression", "source": "youtube", "medium": "cpm", "cost": 0.25}, {"kind": "Open", "medium": "email"}, {},
           {"kind": "call", "channel": "Phone"}, {"channel": "No such channel", "source": "tv"}, {"channel": "Unattributed"},
           {"kind": " Impression ", "channel": "paid search"}, {"kind": "open", "channel": " EMAIL"},
           {"kind": "attendance", "campaign": "launch", "creative": "c'1"}, {"kind": "review", "source": "trustpilot"})  # fmt: skip
PROPERTIES = (None, None, None, {"form": "Demo", "amount": 12.5}, {"form": "other", "amount": "7.25"}, {"deal": {"id": "o1"}, "cur": "usd"},
              {"amount": None, "form": True}, {"event": "a"})  # fmt: skip
NAMES = (None, "view", "Order Completed", "order-completed", "signed_up", "logged_out", "logged_out", "LEAD", "קנה")
ORDERS = (None,) * 4 + tuple({"id": i, "value": v, "currency": c} for i, v, c in (
    ("o1", 100, "ILS"), ("o1", 99.99, None), ("o1", None, "usd"), ("o2", 10, "EUR"), ("o2", 25.5, "ILS"), (None, 7, "ILS"),
    ("o2", 0, None), ("o1", -5, "ILS"), ("o1", 40, "ILS")))  # fmt: skip
SESSIONS = (None,) * 4 + ("s1", "s1", "s2")
TYPES = (
    ("page",) * 5
    + ("track",) * 5
    + ("identify", "conversion", "conversion", "refund", "touch", "touch", "alias", "screen")
)


def cut(records: list[Accepted], chance: random.Random) -> list[list[Accepted]]:
    """The records in any order, in one to five batches of any size (each costs a refresh)."""
    shuffled = chance.sample(records, len(records))
    cuts = sorted(chance.randrange(len(records) + 1) for _ in range(chance.choice((0, 1, 1, 2, 4))))
    pieces = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True)]
    return [piece for piece in pieces if piece]


class Sent(msgspec.Struct, frozen=True):
    """One event of a world: which of its sites, how late it arrives, and the record without site and arrival."""

    site: int
    late: int
    step: int
    event_id: str
    visitor_id: str
    event: dict[str, Any]
    secret: bool
    dialect: str
    user_agent: str


@st.composite
def _event(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(TYPES))
    event: dict[str, Any] = {"type": kind}
    if kind in ("track", "conversion", "touch"):
        event["name"] = draw(st.sampled_from(NAMES))
    if user := draw(st.sampled_from(USERS)):
        event["user_id"] = user
    if kind == "touch":
        event["touch"] = draw(st.sampled_from(TOUCHES))
    if kind in ("track", "conversion", "refund"):
        event["order"] = draw(st.sampled_from(ORDERS))
    if session := draw(st.sampled_from(SESSIONS)):
        event["session_id"] = session
    if draw(st.integers(0, 9)) == 0:
        event["email"] = draw(st.sampled_from(("a@example.com", " A@Example.com ")))
    if properties := draw(st.sampled_from(PROPERTIES)):
        event["properties"] = properties
    event["context"] = {
        "url": draw(st.sampled_from(PAGES)), "referrer": draw(st.sampled_from(REFERRERS)),
        "campaign": draw(st.sampled_from(CAMPAIGNS)), "active": draw(st.sampled_from((None, None, None, True, False))),
    }  # fmt: skip
    return event


@st.composite
def sent(draw: st.DrawFn) -> Sent:
    visitor, event = draw(st.sampled_from(VISITORS)), draw(_event())
    if not visitor and "email" not in event:
        event.setdefault("user_id", "u1")
    return Sent(
        site=draw(st.sampled_from((0, 0, 0, 1, 2))), late=draw(st.sampled_from(LATE)), step=draw(st.sampled_from(STEPS)),
        event_id=draw(st.text("abcאבג'\\", min_size=1, max_size=3)), visitor_id=visitor, event=event,
        secret=draw(st.sampled_from((False, False, False, True))),
        dialect=draw(st.sampled_from(("native",) * 5 + ("pixel", "webhook", "import"))),
        user_agent=draw(st.sampled_from((CHROME,) * 8 + (GOOGLEBOT, ""))),
    )  # fmt: skip


def worlds() -> st.SearchStrategy[list[Sent]]:
    """Lists of events in order of time, but for steps back. Short event ids repeat: other payloads under one id."""
    return st.lists(sent(), min_size=1, max_size=12) | st.lists(sent(), min_size=20, max_size=60)


def records(world: list[Sent], name: str) -> list[Accepted]:
    """The accepted records of a world, in order of its list."""
    ts, made = BEGIN, []
    for one in world:
        ts += one.step
        made.append(Accepted(
            site=f"{name}.{one.site}", received_at=ts + one.late, event_id=one.event_id, visitor_id=one.visitor_id,
            event=json.dumps({**one.event, "created_at": ts}, ensure_ascii=False).encode(), secret=one.secret,
            dialect=one.dialect, user_agent=one.user_agent,
        ))  # fmt: skip
    return made
