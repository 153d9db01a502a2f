"""Channels by table, and the SQL of the rules against a plain reading of the rule file."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.touches import Click, classified

from consumers.rules.channels import channel_expression
from consumers.rules.files import ChannelRule, When, load

pytestmark = pytest.mark.anyio
RULES = load()
FIELDS = ("source", "medium", "utm_campaign", "category", "kind", "click_id_type", "referrer_host", "landing_path")


def table():
    for line in (Path(__file__).parent / "ga4.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            said, _, channel = line.rpartition(" -> ")
            yield Click(*(part.strip() for part in said.split("|"))), channel


async def test_googles_groups(engine):
    rows = list(table())
    assert len(rows) >= 150
    found = await classified(engine, RULES, [click for click, _ in rows])
    wrong = [(click, channel, got) for (click, channel), (got, _, _) in zip(rows, found, strict=True) if channel != got]
    assert wrong == []


OURS = [
    (Click("reddit", "social"), "Community"),
    (Click(referrer="https://www.reddit.com/r/x"), "Community"),
    (Click(referrer="https://old.reddit.com/r/x"), "Community"),
    (Click(referrer="https://discord.com/channels/1"), "Community"),
    (Click(referrer="https://t.me/group"), "Community"),
    (Click(referrer="https://web.whatsapp.com/"), "Community"),
    (Click("whatsapp", "group"), "Community"),
    (Click("facebook groups", "referral"), "Community"),
    (Click("forum.example", "forum"), "Community"),
    (Click(kind="post", source="slack"), "Community"),
    (Click("noa", "influencer"), "Influencer"),
    (Click("noa", "creator"), "Influencer"),
    (Click(referrer="https://linktr.ee/noa"), "Influencer"),
    (Click(referrer="https://www.twitch.tv/x"), "Live"),
    (Click("youtube live", "social"), "Live"),
    (Click("tiktok_live", "social"), "Live"),
    (Click("zoom", "webinar"), "Live"),
    (Click(kind="attendance"), "Live"),
    (Click("zap", "review"), "Reviews & UGC"),
    (Click(referrer="https://www.trustpilot.com/review/x"), "Reviews & UGC"),
    (Click(kind="review"), "Reviews & UGC"),
    (Click("bot", "chatbot"), "Chatbot"),
    (Click(kind="chat"), "Chatbot"),
    (Click("crm", "whatsapp"), "Messaging"),
    (Click("crm", "automation", kind="message"), "Messaging"),
    (Click("sms", "sms", kind="message"), "SMS"),
    (Click("crm", "push", kind="message"), "Mobile Push Notifications"),
    (Click("crm", "email", kind="open"), "Email"),
    (Click("spotify", "podcast"), "Audio"),
    (Click("partner", "affiliate"), "Affiliates"),
    (Click("friends", "referral_program"), "Referral Program"),
    (Click(kind="share"), "Referral Program"),
    (Click("catalog", "qr"), "QR & Print"),
    (Click(kind="scan"), "QR & Print"),
    (Click(kind="call"), "Phone"),
    (Click(kind="store_visit"), "Store"),
    (Click("zendesk", "support"), "Customer Service"),
]


async def test_our_own_channels(engine):
    found = await classified(engine, RULES, [click for click, _ in OURS])
    wrong = [(click, channel, got) for (click, channel), (got, _, _) in zip(OURS, found, strict=True) if channel != got]
    assert wrong == []


async def test_what_was_sent_keeps_its_spelling(engine):
    found = await classified(engine, RULES, [Click("GooGle", "CPC"), Click("ניוזלטר", "Email")])
    assert found == [("Paid Search", "GooGle", "CPC"), ("Email", "ניוזלטר", "Email")]


def holds(when, told):
    """One alternative, read as the file says it."""
    whole = {
        "source": "source",
        "medium": "medium",
        "category": "category",
        "kind": "kind",
        "click_id": "click_id_type",
    }
    parts = {"source_matches": "source", "medium_matches": "medium", "campaign_matches": "utm_campaign",
             "referrer_matches": "referrer_host", "path_matches": "landing_path"}  # fmt: skip
    names = {"$paid": RULES.channels.paid, "$shop_campaign": RULES.channels.shop_campaign}
    for field, column in whole.items():
        wanted = getattr(when, field)
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if wanted is not None and told[column].lower() not in [value.lower() for value in wanted]:
            return False
    if when.referrer is not None:
        hosts = [when.referrer] if isinstance(when.referrer, str) else when.referrer
        if not any(f".{told['referrer_host']}".endswith(f".{host.lower()}") for host in hosts):
            return False
    for field, column in parts.items():
        pattern = getattr(when, field)
        if pattern is not None and not re.search(names.get(pattern, pattern), told[column], re.IGNORECASE):
            return False
    return True


def plain_reading(rules, told):
    for rule in rules.rules:
        if any(holds(when, told) for when in rule.when):
            return rule.channel, rule.node
    return rules.otherwise.channel, rules.otherwise.node


def words(*fields):
    """Values that the rules speak of, spelled as people do, and others."""
    found = {
        "",
        "other",
        "x cpc y",
        "unpaid",
        "shop",
        "eshop",
        "workshop",
        "cross-network",
        "my video",
        "webpush",
        "in notification",
    }
    for rule in RULES.channels.rules:
        for when in rule.when:
            for field in fields:
                value = getattr(when, field, None)
                found.update([value] if isinstance(value, str) else value or [])
    return st.sampled_from(sorted(found)).flatmap(
        lambda word: st.sampled_from([word, word.upper(), word.title(), f"{word}s"])
    )


TOLD = st.fixed_dictionaries(
    {
        "source": words("source"),
        "medium": words("medium") | st.sampled_from(["cpc", "paid_social", "retargeting", "(none)"]),
        "utm_campaign": words("campaign_matches"),
        "category": st.sampled_from(["", *sorted({row.category for row in RULES.referrers})]),
        "kind": words("kind"),
        "click_id_type": st.sampled_from(["", "gclid", "fbclid"]),
        "referrer_host": st.sampled_from(["", "a.example", "news.example", "www.news.example", "fakenews.example"]),
        "landing_path": st.sampled_from(["/", "/blog/x", "/shop"]),
    }
)
EXTRA = ChannelRule(
    "Extra",
    "ugc",
    [
        When(click_id="FBCLID", path_matches="^/blog"),
        When(referrer=["News.example"]),
        When(referrer_matches=r"^a\.", medium="cpc"),
    ],
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(TOLD, min_size=1, max_size=250), extra=st.booleans())
async def test_sql_equals_a_plain_reading(engine, told, extra):
    rules = RULES.channels
    if extra:
        rules = msgspec.structs.replace(rules, rules=[EXTRA, *rules.rules])
    columns = ", ".join(FIELDS)
    types = ", ".join(f"{field} String" for field in FIELDS)
    lines = ", ".join(f"tuple({', '.join(repr(one[field]) for field in FIELDS)})" for one in told)
    sql = f"SELECT {channel_expression(rules)} AS class FROM (SELECT {columns} FROM values('{types}', {lines}))"
    found = [row[0] for row in await engine.rows(sql)]
    assert [tuple(one) for one in found] == [plain_reading(rules, one) for one in told]
