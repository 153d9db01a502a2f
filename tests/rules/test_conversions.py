"""What conversions.yaml and sessions.yaml say of conversions, refunds, look-back and midnight, each by hand."""

from decimal import Decimal

import msgspec
import pytest
from rules.touches import T0

from consumers.enrich.row import BLANK, EVENT_TYPES
from consumers.rebuild import TABLES, rebuild
from consumers.rules.conditions import Condition, EventRule
from consumers.rules.conversions import ConversionRule, RefundRule
from consumers.rules.files import load
from consumers.rules.stages import Evidence, Stage, StageModel, StageRules, Touch

pytestmark = pytest.mark.anyio
RULES = load()
HOUR = 3_600_000


def fact(number, kind, at=0, **given):
    return {
        **BLANK, "site": "shop", "subject": "v", "visitor_id": "v", "event_id": f"e{number}", "type": kind, "ts": T0 + at,
        "received_at": T0 + number, "active": 1, "log_off": number, "url": "https://shop.example/", **given,
    }  # fmt: skip


async def derived(engine, rows, rules=RULES):
    for table in ("events", *TABLES):
        await engine.command(f"TRUNCATE TABLE {table}")
    await engine.insert("events", {column: [row[column] for row in rows] for column in EVENT_TYPES}, EVENT_TYPES)
    ticks = iter(range(1, 1_000_000))
    await rebuild(engine, rules, lambda: next(ticks))


def with_conversions(**changes):
    return msgspec.structs.replace(RULES, conversions=msgspec.structs.replace(RULES.conversions, **changes))


async def conversions(engine):
    return await engine.rows("SELECT name, order_id, value, currency FROM conversions FINAL ORDER BY ts, name")


async def test_a_page_a_form_and_a_property_make_conversions(engine):
    rules = with_conversions(events=[
        ConversionRule(name="welcome", types=["page"], when=[Condition("path", matches="^/welcome$")], value=2.5, currency="eur"),
        ConversionRule(name="demo", types=["track"], names=["Form Submitted"], when=[Condition("properties.form", equals=["demo"])], value=40),
        ConversionRule(name="deal", types=["track"], when=[Condition("properties.deal.sum", at_least=100, below=1000)],
                       value_from="properties.deal.sum", currency_from="properties.deal.money", order_id_from="properties.deal.id"),
    ])  # fmt: skip
    await derived(engine, [
        fact(1, "page", 1, url="https://shop.example/welcome?x=1"), fact(2, "page", 2, url="https://shop.example/welcome/more"),
        fact(3, "track", 3, name="form-submitted", properties='{"form": "DEMO"}'),
        fact(4, "track", 4, name="form submitted", properties='{"form": "other"}'),
        fact(5, "track", 5, name="form submitted", properties='{"form": "demo"}', value=Decimal(7), currency="USD"),
        fact(6, "track", 6, name="won", properties='{"deal": {"sum": 250.5, "money": "ils", "id": 77}}'),
        fact(7, "track", 7, name="won", properties='{"deal": {"sum": "1000"}}'), fact(8, "track", 8, name="won", properties="{}"),
    ], rules)  # fmt: skip
    assert await conversions(engine) == [
        ("welcome", "", Decimal("2.5"), "EUR"), ("demo", "", Decimal(40), ""), ("demo", "", Decimal(7), "USD"),
        ("deal", "77", Decimal("250.5"), "ILS"),
    ]  # fmt: skip


async def test_which_refund_takes_back_which_conversion(engine):
    rules = with_conversions(
        refunds=[
            RefundRule(types=["refund"]),
            RefundRule(types=["track"], names=["trial cancelled"], refund_of=["subscription"]),
            RefundRule(
                types=["track"], names=["call failed"], event_id_from="properties.of", value_from="properties.back"
            ),
        ]
    )
    order = {"order_id": "o1", "value": Decimal(10), "currency": "EUR"}
    await derived(engine, [
        fact(1, "track", 1, name="order completed", **order), fact(2, "track", 2, name="trial cancelled", order_id="o1"),
        fact(3, "track", 3, name="subscribed", **{**order, "order_id": "o2"}), fact(4, "track", 4, name="trial cancelled", order_id="o2"),
        fact(5, "conversion", 5, name="call", value=Decimal(8), currency="EUR"),
        fact(6, "track", 6, name="call failed", properties='{"of": "e5", "back": "2.25"}'),
        fact(7, "conversion", 7, name="call", value=Decimal(8), currency="EUR"), fact(8, "track", 8, name="call failed", properties="{}"),
    ], rules)  # fmt: skip
    assert [row[2] for row in await conversions(engine)] == [Decimal(10), Decimal(0), Decimal("5.75"), Decimal(8)]


async def test_a_refund_reported_twice_under_its_event_id_is_taken_once(engine):
    order = {"order_id": "o1", "currency": "EUR"}
    server = {"subject": "~user_id:u", "visitor_id": "", "user_id": "u", "secret": 1}
    await derived(engine, [
        fact(1, "conversion", 1, name="sale", value=Decimal(100), **order), fact(2, "refund", 2, value=Decimal(30), **order),
        fact(3, "refund", 3, value=Decimal(25), **{**order, **server, "event_id": "e2"}), fact(4, "refund", 4, value=Decimal(5), **order),
    ])  # fmt: skip
    assert await conversions(engine) == [("sale", "o1", Decimal(70), "EUR")]


async def test_each_kind_has_its_own_look_back(engine):
    rules = with_conversions(lookback_days={"default": 90, "impression": 30, "open": 7, "visit": 1})
    day = 24 * HOUR
    rows = [
        fact(number, "touch", -age * day, touch_kind=kind, utm_medium=kind)
        for number, (kind, age) in enumerate(
            [("impression", 30), ("impression", 31), ("open", 7), ("open", 8), ("click", 90), ("click", 91)], 1
        )
    ]
    await derived(engine, [*rows, fact(9, "page", -2 * day), fact(10, "conversion", 0, name="lead")], rules)
    [(kinds, ages)] = await engine.rows(
        "SELECT path_kinds, arrayMap(t -> dateDiff('day', t, converted_at), path_ts) FROM conversion_paths FINAL"
    )
    assert list(zip(kinds, ages, strict=True)) == [("click", 90), ("impression", 30), ("open", 7), ("visit", 0)]


MIDNIGHTS = [
    # 2026-01-15: Jerusalem is two hours ahead; 2026-07-15: three; New York five and four behind
    ("Asia/Jerusalem", "2026-01-15 21:59:50.000", 1),
    ("Asia/Jerusalem", "2026-01-15 22:00:00.000", 0),
    ("Asia/Jerusalem", "2026-07-15 20:59:50.000", 1),
    ("Asia/Jerusalem", "2026-07-15 21:59:50.000", 0),
    ("America/New_York", "2026-01-16 04:59:50.000", 1),
    ("America/New_York", "2026-07-16 03:59:50.000", 1),
    ("America/New_York", "2026-07-16 04:59:50.000", 0),
    # the night in which the clocks go forward: midnight is where it was in winter
    ("Asia/Jerusalem", "2026-03-26 21:59:50.000", 1),
    ("UTC", "2026-01-15 23:59:50.000", 1),
]


async def test_midnight_is_the_sites(engine):
    sessions = msgspec.structs.replace(
        RULES.sessions,
        midnight_starts_session=True,
        midnight_zone="America/New_York",
        midnight_zones={"Asia/Jerusalem": "Asia/Jerusalem", "UTC": "UTC"},
    )
    rows = []
    for number, (zone, at, _) in enumerate(MIDNIGHTS):
        [(ms,)] = await engine.rows(f"SELECT toUnixTimestamp64Milli(toDateTime64('{at}', 3, 'UTC'))")
        rows += [
            {**fact(2 * number + i, "page", site=zone, subject=f"v{number}", visitor_id=f"v{number}"), "ts": ms + 20_000 * i}
            for i in (0, 1)
        ]  # fmt: skip
    await derived(engine, rows, msgspec.structs.replace(RULES, sessions=sessions))
    found = dict(await engine.rows("SELECT subject, count() FROM sessions FINAL GROUP BY subject"))
    assert [found[f"v{number}"] - 1 for number in range(len(MIDNIGHTS))] == [cut for _, _, cut in MIDNIGHTS]


async def test_plain_events_show_stages_and_open_paths_say_how_far(engine):
    watched = EventRule(types=["track"], names=["demo watched"], when=[Condition("properties.minutes", at_least=3)])
    stages = [Stage("seen", [Evidence(touch=Touch())]), Stage("keen", [Evidence(event=watched)])]
    rules = msgspec.structs.replace(RULES, stages=StageRules(1, [StageModel("own", "", stages)]))
    await derived(engine, [
        fact(1, "page"), fact(2, "track", 5, name="Demo-Watched", properties='{"minutes": 4}'),
        fact(3, "page", subject="w", visitor_id="w"),
        fact(4, "track", 5, name="demo watched", properties='{"minutes": 2}', subject="w", visitor_id="w"),
    ], rules)  # fmt: skip
    found = await engine.rows("SELECT person_id, stage FROM v_open_paths ORDER BY person_id")
    assert found == [("visitor_id:v", "keen"), ("visitor_id:w", "seen")]
