"""Returns from payment pages, 3-D Secure and sign-on neither start a session nor take its source; and each row says so."""

import msgspec
import pytest
from rules.touches import T0

from consumers.enrich.link import host_of, parse_link
from consumers.enrich.row import BLANK, EVENT_TYPES
from consumers.rebuild import rebuild
from consumers.rules.files import load, version_of
from consumers.rules.in_force import with_sites
from schemas.sites import Site

pytestmark = pytest.mark.anyio
RULES = load()
MINUTE = 60_000


def page(number, minute, referrer="", query=""):
    url = f"https://shop.example/p{number}{query}"
    link = parse_link(url)
    return {
        **BLANK, "site": "shop", "subject": "v", "visitor_id": "v", "event_id": f"e{number}", "type": "page", "url": url,
        "url_host": link.host, "referrer": referrer, "referrer_host": host_of(referrer), "ts": T0 + round(minute * MINUTE),
        "received_at": T0 + round(minute * MINUTE), "utm_source": link.utm[0], "utm_medium": link.utm[1],
        "campaign_key": link.campaign_key, "click_id_type": link.click_id_type, "click_id": link.click_id,
        "click_key": link.click_key, "active": 1, "log_off": number,
    }  # fmt: skip


async def sessions(warehouse, rows, rules=RULES):
    for table in ("events", "touchpoints", "sessions", "person_subjects", "open_paths", "identities"):
        await warehouse.command(f"TRUNCATE TABLE {table}")
    await warehouse.insert("events", {column: [row[column] for row in rows] for column in EVENT_TYPES}, EVENT_TYPES)
    ticks = iter(range(1, 1_000_000))
    await rebuild(warehouse, rules, lambda: next(ticks))
    return await warehouse.rows("SELECT events, source, channel, continuity FROM sessions FINAL ORDER BY started_at")


GOOGLE = "https://www.google.com/"
PAYPAL = "https://www.paypal.com/checkoutnow"


@pytest.mark.parametrize(
    ("case", "rows", "expected"),
    [
        (
            "back within the session: the session decides, the list only says why",
            [page(1, 0, GOOGLE), page(2, 20, PAYPAL)],
            [(2, "google", "Organic Search", ["session:www.paypal.com"])],
        ),
        (
            "any referrer within the session changes nothing",
            [page(1, 0, GOOGLE), page(2, 20, "https://blog.example/")],
            [(2, "google", "Organic Search", [])],
        ),
        (
            "back after the time-out: the list decides",
            [page(1, 0, GOOGLE), page(2, 45, PAYPAL), page(3, 50)],
            [(3, "google", "Organic Search", ["list:www.paypal.com"])],
        ),
        (
            "exactly two hours still belong",
            [page(1, 0, GOOGLE), page(2, 120, "https://acs2.bank.example/3ds")],
            [(2, "google", "Organic Search", ["list:acs2.bank.example"])],
        ),
        (
            "after two hours a new session, whose source is not the payment page",
            [page(1, 0, GOOGLE), page(2, 120.1, PAYPAL)],
            [(1, "google", "Organic Search", []), (1, "(direct)", "Direct", ["source:www.paypal.com"])],
        ),
        (
            "an app hand-off or sign-on that begins a visit is no source",
            [page(1, 0, "https://accounts.google.com/o/oauth2")],
            [(1, "(direct)", "Direct", ["source:accounts.google.com"])],
        ),
        (
            "another site after the time-out is a source as ever",
            [page(1, 0, GOOGLE), page(2, 45, "https://blog.example/")],
            [(1, "google", "Organic Search", []), (1, "blog.example", "Referral", [])],
        ),
        (
            "a campaign on the way back is a new visit, list or not",
            [page(1, 0, GOOGLE), page(2, 45, PAYPAL, "?utm_source=paypal&utm_medium=banner")],
            [(1, "google", "Organic Search", []), (1, "paypal", "Display", [])],
        ),
        (
            "a host that only ends like a listed one is not listed",
            [page(1, 0, GOOGLE), page(2, 45, "https://notpaypal.com/")],
            [(1, "google", "Organic Search", []), (1, "notpaypal.com", "Referral", [])],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_continuity(engine, case, rows, expected):
    assert await sessions(engine, rows) == expected


async def test_an_own_list_and_an_own_time(engine):
    sessions_rules = msgspec.structs.replace(RULES.sessions, continuity_minutes=40)
    own = msgspec.structs.replace(RULES, sessions=sessions_rules)
    rows = [page(1, 0, GOOGLE), page(2, 39, PAYPAL), page(3, 80, PAYPAL)]
    assert [row[0] for row in await sessions(engine, rows, own)] == [2, 1]
    none = msgspec.structs.replace(RULES, continuity=[])
    assert [row[1] for row in await sessions(engine, rows, none)] == ["google", "www.paypal.com", "www.paypal.com"]


async def test_every_row_tells_its_rules(engine):
    own = msgspec.structs.replace(RULES, sessions=msgspec.structs.replace(RULES.sessions, gap_minutes=10))
    assert version_of(own) != version_of(RULES) == version_of(load())
    for rules in (RULES, own):
        await sessions(engine, [page(1, 0, GOOGLE)], rules)
        for table in ("sessions", "touchpoints", "open_paths", "identities"):
            assert await engine.rows(f"SELECT DISTINCT rules_version FROM {table}") == [(version_of(rules),)]


async def test_a_landing_page_can_name_a_channel(engine):
    from consumers.rules.files import ChannelRule, When

    blog = ChannelRule("Content", "classic", [When(path_matches="^/p2")])
    channels = msgspec.structs.replace(RULES.channels, rules=[blog, *RULES.channels.rules])
    found = await sessions(engine, [page(1, 0), page(2, 60)], msgspec.structs.replace(RULES, channels=channels))
    assert [row[2] for row in found] == ["Direct", "Content"]


async def test_a_referrer_is_the_host_or_one_below_it_and_a_channel_says_what_a_visit_is(engine):
    from consumers.rules.files import ChannelRule, When

    forum = ChannelRule("Forum", "community", [When(referrer="forum.example")], kind="post")
    channels = msgspec.structs.replace(RULES.channels, rules=[forum, *RULES.channels.rules])
    rows = [
        page(number, 60 * number, f"https://{host}/t")
        for number, host in enumerate(("www.forum.example", "notforum.example"))
    ]
    found = await sessions(engine, rows, msgspec.structs.replace(RULES, channels=channels))
    assert [row[2] for row in found] == ["Forum", "Referral"]
    assert await engine.rows("SELECT channel, kind FROM v_touchpoints ORDER BY ts") == [
        ("Forum", "post"),
        ("Referral", "visit"),
    ]


async def test_a_sites_own_domains_continue_its_visits_and_no_others(engine):
    own = with_sites(RULES, [Site("shop", domains=["Shop-Checkout.example"]), Site("other", domains=["news.example"])])
    rows = [
        page(1, 0, GOOGLE),
        page(2, 45, "https://pay.shop-checkout.example/done"),
        page(3, 120, "https://news.example/"),
    ]
    assert await sessions(engine, rows, own) == [
        (2, "google", "Organic Search", ["list:pay.shop-checkout.example"]),
        (1, "news.example", "Referral", []),
    ]
    assert len(await sessions(engine, rows)) == 3
    assert with_sites(RULES, [Site("shop")]) == RULES
    midnight = msgspec.structs.replace(
        RULES, sessions=msgspec.structs.replace(RULES.sessions, midnight_starts_session=True)
    )
    zones = with_sites(midnight, [Site("shop", timezone="Asia/Jerusalem"), Site("other")]).sessions.midnight_zones
    assert zones == {"shop": "Asia/Jerusalem"}


async def test_ten_thousand_sites_with_domains_and_zones_are_derived_as_one_is(engine):
    midnight = msgspec.structs.replace(
        RULES, sessions=msgspec.structs.replace(RULES.sessions, midnight_starts_session=True)
    )
    own = Site("shop", domains=["shop-checkout.example", "pay.shop.co.il", "shop.*"], timezone="Asia/Jerusalem")
    others = [
        Site(f"site-{number:05}", domains=[f"checkout-{number:05}.example"], timezone="America/New_York")
        for number in range(10_000)
    ]
    rows = [
        page(1, 0, GOOGLE),
        page(2, 45, "https://a.b.shop-checkout.example/done"),
        page(3, 90, "https://pay.shop.co.il/"),
        page(4, 135, "https://shop.test/"),
        page(5, 180, "https://checkout-00007.example/"),
        page(6, 225, "https://notshop-checkout.example/"),
        page(7, 270, "https://other.co.il/"),
    ]
    found = await sessions(engine, rows, with_sites(midnight, [own, *others]))
    assert found == await sessions(engine, rows, with_sites(midnight, [own]))
    assert [row[:2] for row in found] == [
        (4, "google"),
        (1, "checkout-00007.example"),
        (1, "notshop-checkout.example"),
        (1, "other.co.il"),
    ]
