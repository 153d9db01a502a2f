"""What other rules would change, and what changing them does."""

import msgspec
import pytest
from rules.test_continuity import GOOGLE, page, sessions

from consumers.rebuild import rebuild
from consumers.rules.difference import ChannelChange, Difference, difference
from consumers.rules.files import ChannelRule, Referrer, When, load
from netiv.commands.rules import told

pytestmark = pytest.mark.anyio
RULES = load()
HOUR = 60


async def test_by_channel_before_publishing(engine):
    before = await sessions(engine, [page(1, 0, GOOGLE), page(2, HOUR), page(3, 2 * HOUR, "https://news.example/")])
    ticks = iter(range(1_000_000, 2_000_000))
    search = ChannelRule("News", "classic", [When(category="news")])
    channels = msgspec.structs.replace(RULES.channels, rules=[search, *RULES.channels.rules])
    other = msgspec.structs.replace(
        RULES, channels=channels, referrers=[*RULES.referrers, Referrer("news.example", "news", "news")]
    )
    found = await difference(engine, other, lambda: next(ticks))
    assert found.moved == 1
    assert found.channels == [
        ChannelChange("Direct", 1, 1, 1, 1, 0, 0),
        ChannelChange("News", 0, 1, 0, 1, 0, 0),
        ChannelChange("Organic Search", 1, 1, 1, 1, 0, 0),
        ChannelChange("Referral", 1, 0, 1, 0, 0, 0),
    ]
    assert (
        await engine.rows("SELECT events, source, channel, continuity FROM sessions FINAL ORDER BY started_at")
        == before
    )
    longer = msgspec.structs.replace(RULES, sessions=msgspec.structs.replace(RULES.sessions, gap_minutes=HOUR))
    assert (await difference(engine, longer, lambda: next(ticks))).moved == 2
    assert (await difference(engine, RULES, lambda: next(ticks))).moved == 0
    kinds = [
        msgspec.structs.replace(rule, kind="click" if rule.channel == "Direct" else "") for rule in RULES.channels.rules
    ]
    clicks = msgspec.structs.replace(RULES, channels=msgspec.structs.replace(RULES.channels, rules=kinds))
    assert (await difference(engine, clicks, lambda: next(ticks))).moved == 1


async def test_what_moves_is_told_where_only_revenue_does():
    same = ChannelChange("Direct", 1, 1, 1, 1, 5, 5)
    assert told(Difference(0, [same])) == "0 touchpoints would change their channel or kind, appear or disappear."
    more = msgspec.structs.replace(same, channel="Email", revenue_then=7)
    assert told(Difference(0, [same, more])).endswith("The revenue of 1 channel would change all the same.")
    assert "revenue" not in told(Difference(2, [same, more]))


async def test_a_rebuild_under_new_rules_is_a_fresh_load_under_them(engine):
    rows = [page(1, 0, GOOGLE), page(2, 20), page(3, 45), page(4, 80, "https://www.reddit.com/")]
    columns = "subject, started_at, session_id, person_id, events, channel, source, rules_version"
    asked = f"SELECT {columns} FROM sessions FINAL ORDER BY ALL"
    own = msgspec.structs.replace(RULES, sessions=msgspec.structs.replace(RULES.sessions, gap_minutes=24),
                                  channels=msgspec.structs.replace(RULES.channels, rules=RULES.channels.rules[::-1]))  # fmt: skip
    await sessions(engine, rows)
    old = await engine.rows(asked)
    ticks = iter(range(3_000_000, 4_000_000))
    await rebuild(engine, own, lambda: next(ticks))
    rebuilt = await engine.rows(asked)
    await sessions(engine, rows, own)
    assert rebuilt == await engine.rows(asked) != old
