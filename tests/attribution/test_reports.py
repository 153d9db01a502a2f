"""Costs, stages and the journey reports, each on a world small enough to count by hand."""

from decimal import Decimal

import pytest
from attribution.world import DAY_MS, MODEL, NOON, Path, put, view

from consumers.reports.removal import removal_effects
from netiv.clickhouse import report_sql
from netiv.commands.report_journeys import REPORTS
from netiv.credits import Credits, parameters, unconverted
from netiv.errors import CommandError
from netiv.output import Table

pytestmark = pytest.mark.anyio
FILTERS = {"site": "", "since": "1970-01-02 00:00:00", "until": "2200-01-01 00:00:00", "limit": 50, "conversion": ""}


async def report(warehouse, name, **given):
    return await warehouse.rows(report_sql(name), {**FILTERS, **given})


async def attribution(warehouse, filters=None, effects="", **typed):
    told = {**parameters(Credits(**typed)), **(filters or {}), "effects": effects}
    return await report(warehouse, "credits", **told)


async def costs(warehouse, rows):
    names = ("site", "cost_id", "day", "channel", "campaign", "cost", "currency", "impressions", "clicks")
    values = ", ".join(
        f"('shop', 'c{n}', {', '.join(repr(value) for value in row)}, 0, 0)" for n, row in enumerate(rows)
    )
    await warehouse.command(f"INSERT INTO ad_costs ({', '.join(names)}) VALUES {values}")


async def test_spend_cpa_and_roas_beside_credits(warehouse):
    await put(
        warehouse, [Path(["Email", "Display"], Decimal(60)), Path(["Display"], Decimal(40)), Path([], Decimal(5))]
    )
    spent = [
        ("2026-01-05", "Display", "spring", 30, "EUR"),
        ("2026-01-04", "Audio", "radio", 8, "EUR"),
        ("2026-01-06", "Print", "", 5, "EUR"),
    ]
    await costs(warehouse, spent)
    assert await attribution(warehouse, model="linear") == [
        ("Display", 1.5, 70.0, "EUR", 30.0, 20.0, pytest.approx(7 / 3)),
        ("Email", 0.5, 30.0, "EUR", 0.0, None, None),
        ("Unattributed", 1.0, 5.0, "EUR", 0.0, None, None),
        ("Audio", 0.0, 0.0, "EUR", 8.0, None, 0.0),
        ("Print", 0.0, 0.0, "EUR", 5.0, None, 0.0),
    ]
    columns = "SELECT key, cpa, roas FROM v_return_on_spend WHERE dimension = 'channel' AND model = 'linear' AND spend > 0 ORDER BY key"
    assert await warehouse.rows(columns) == [
        ("Audio", None, 0.0),
        ("Display", 20.0, pytest.approx(7 / 3)),
        ("Print", None, 0.0),
    ]
    # a day is whole, whenever on it the time asked for begins
    only_monday = {"since": "2026-01-05 09:00:00", "until": "2026-01-06 00:00:00"}
    found = [(row[0], row[4]) for row in await attribution(warehouse, only_monday, model="last")]
    assert found == [("Display", 30.0), ("Unattributed", 0.0), ("Email", 0.0)]


async def test_one_currency_by_the_rates_of_the_day(warehouse):
    await put(warehouse, [Path(["Email"], Decimal(10), currency="USD"), Path(["Email"], Decimal(7), currency="EUR"),
                          Path(["Email"], Decimal(3), currency="XXX")])  # fmt: skip
    await costs(warehouse, [("2026-01-01", "Email", "", 4, "USD")])
    await warehouse.command("TRUNCATE TABLE currency_rates")
    await warehouse.command(
        "INSERT INTO currency_rates VALUES ('EUR', 'USD', '2026-01-03', 2), ('EUR', 'USD', '2026-01-05', 0.5), ('EUR', 'USD', '2026-01-06', 9)"
    )
    found = await attribution(warehouse, model="first", currency="eur")
    assert [row[:5] for row in found] == [("Email", 2.0, 12.0, "EUR", 8.0), ("Email", 1.0, 3.0, "XXX", 0.0)]
    assert len(await attribution(warehouse, model="first")) == 3
    told = Table("", ["key", "conversions", "value", "currency"], [list(row[:4]) for row in found])
    assert (unconverted(told, "eur"), unconverted(told, "")) == (["XXX"], [])


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("channel", {"Email": 0.5, "Live": 0.5}),
        ("campaign", {"spring": 0.5, "autumn": 0.5}),
        ("source", {"email": 0.5, "live": 0.5}),
        ("node", {"classic": 1.0}),
    ],
)
async def test_credits_by(warehouse, by, expected):
    await put(warehouse, [Path(["Email", "Live"], campaigns=["spring", "autumn"])])
    assert {row[0]: row[1] for row in await attribution(warehouse, model="linear", by=by)} == expected


async def test_markov_of_order_two_through_the_report(warehouse):
    ways = [(["A", "B", "A"], 1), (["A"], 1), (["A"], 0), (["B", "A", "B"], 0)]
    await put(warehouse, [Path(way) for way, yes in ways if yes], [way for way, yes in ways if not yes])
    told = parameters(Credits("markov"))
    rows = await report(warehouse, "transitions_2", **told)
    effects = removal_effects(((row[1], row[2]), row[3], row[4]) for row in rows)
    given = str([["shop", channel, effect] for channel, effect in effects.items()]).replace("'", '"')
    found = {row[0]: row[1] for row in await attribution(warehouse, effects=given, model="markov", order=2)}
    a, b = effects["A"], effects["B"]
    assert 0 < b < a
    assert found == {"A": pytest.approx(1 + a / (a + b), abs=1e-4), "B": pytest.approx(b / (a + b), abs=1e-4)}


@pytest.mark.parametrize(
    "typed",
    [{"model": "best"}, {"model": "last", "by": "mood"}, {"model": "last", "transform": "x"}, {"model": "last", "order": 2},
     {"model": "position", "position": "40,60"}, {"model": "position", "position": "0,0,0"}, {"model": "time_decay", "half_life": "0d"}],
)  # fmt: skip
def test_wrong_options_are_told(typed):
    with pytest.raises(CommandError) as told:
        parameters(Credits(**typed))
    assert told.value.code == 2


async def test_every_report_runs(warehouse):
    await put(warehouse, [Path(["Email", "Live", "Email"]), Path(["Live"], number=2)], [["Email"]])
    assert await report(warehouse, "lengths") == [(1, 1, 100.0, "EUR"), (3, 1, 100.0, "EUR")]
    assert await report(warehouse, "lag") == [(1, 1, 100.0, "EUR"), (3, 1, 100.0, "EUR")]
    assert await report(warehouse, "assisted") == [
        ("Live", 1, 1, 1.0, 100.0, 100.0, "EUR"), ("Email", 1, 0, 0.0, 100.0, 0.0, "EUR"),
    ]  # fmt: skip
    assert await report(warehouse, "overlap") == [("Live", "Live", 2), ("Email", "Email", 1), ("Email", "Live", 1)]
    assert await report(warehouse, "customers") == [("new", 1, 1, 100.0, "EUR"), ("returning", 1, 1, 100.0, "EUR")]
    assert await report(warehouse, "days") == [("new", 1, 3.0, 3.0, 3.0), ("returning", 1, 1.0, 1.0, 1.0)]
    assert await report(warehouse, "devices") == [(1, 2, 200.0, "EUR")]
    assert len(await report(warehouse, "effects")) == 4
    for name in REPORTS:
        assert isinstance(await report(warehouse, name, site="nobody"), list)


# What each view of journeys has of these five conversions by three people.
JOURNEYS = [
    Path(["Email", "Live", "Live"], Decimal(60), ages_ms=[DAY_MS * 11 // 4, DAY_MS, 1]), Path([], Decimal(5)),
    *(Path(["Live"], Decimal(40), ages_ms=[DAY_MS * days], number=days + 1, person="often") for days in (1, 2, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("view", "columns", "expected"), [
    ("v_top_paths", "path, conversions, toFloat64(revenue), days_to_convert",
     [("Email › Live › Live", 1, 60.0, 2.75), ("Live", 3, 120.0, 2.0), ("Unattributed", 1, 5.0, None)]),
    ("v_path_lengths", "touches, conversions, toFloat64(revenue)", [(0, 1, 5.0), (1, 3, 120.0), (3, 1, 60.0)]),
    ("v_time_lag", "days, conversions, toFloat64(revenue)", [(1, 1, 40.0), (2, 2, 100.0), (3, 1, 40.0)]),
    ("v_assisted_conversions", "channel, closed, assisted, toFloat64(closed_revenue), toFloat64(assisted_revenue)",
     [("Email", 0, 1, 0.0, 60.0), ("Live", 4, 0, 180.0, 0.0)]),
    ("v_channel_overlap", "channel, other_channel, conversions", [("Email", "Email", 1), ("Email", "Live", 1), ("Live", "Live", 4)]),
    ("v_new_and_returning", "customer, conversions, persons, toFloat64(revenue)", [("new", 2, 2, 65.0), ("returning", 3, 1, 120.0)]),
    ("v_days_to_convert", "customer, conversions, mean_days, median_days, p90_days",
     [("new", 1, 2.75, 2.75, 2.75), ("returning", 3, 2.0, 2.0, 3.0)]),
    ("v_path_devices", "devices, conversions, toFloat64(revenue)", [(1, 5, 185.0)]),
])  # fmt: skip
async def test_views_of_journeys(warehouse, view, columns, expected):
    await put(warehouse, JOURNEYS)
    assert await warehouse.rows(f"SELECT {columns} FROM {view} ORDER BY ALL") == expected


async def test_views_of_credits_have_what_their_report_has(warehouse):
    await put(warehouse, [Path(["Email", "Live"]), Path(["Live"], number=2)])
    rows = await warehouse.rows(
        "SELECT sum(conversions), sum(value) FROM v_return_on_spend WHERE dimension = 'channel'"
    )
    assert rows == [(pytest.approx(16), Decimal(1600))]
    assert await warehouse.rows(f"SELECT count() FROM {view('attribution', MODEL, model='first')}") == [(3,)]


TOUCH = "INSERT INTO touchpoints (site, subject, ts, touchpoint_id, person_id, kind, node, channel, version) VALUES "
SESSION = "INSERT INTO sessions (site, subject, started_at, session_id, person_id, engaged, pageviews, version) VALUES "
CONVERSION = "INSERT INTO conversions (site, person_id, conversion_id, ts, name, value, version) VALUES "


async def test_credits_by_the_stage_of_the_first_model_that_a_touch_shows(warehouse):
    await put(warehouse, [Path(["Email", "Live"])])
    await warehouse.command(TOUCH + ", ".join(
        f"('shop', 'p1', {NOON / 1000}, {1000 + number}, 'p1', '{kind}', 'classic', 'Email', 1)"
        for number, kind in enumerate(["impression", "chat"], 1)))  # fmt: skip
    await costs(warehouse, [("2026-01-05", "Email", "", 30, "EUR")])
    found = await attribution(warehouse, model="linear", by="stage")
    assert [row[:5] for row in found] == [
        ("awareness", 0.5, 50.0, "EUR", 0.0),
        ("consideration", 0.5, 50.0, "EUR", 0.0),
    ]


async def test_channels_and_campaigns_come_of_one_working_out(warehouse):
    await put(warehouse, [Path(["Email", "Display"], Decimal(60)), Path(["Display"], Decimal(40))])
    await costs(warehouse, [("2026-01-05", "Display", "spring", 30, "EUR")])
    both = "by = 'channel,campaign', currency = '', effects = '', model = 'linear'"
    windows = (
        "since = '1970-01-02', until = '2200-01-01', lookback_s = 0, transform = '', conversion = '', half_life_s = 604800, "
        "position_first = 40, position_middle = 20, position_last = 40"
    )
    columns = "dimension, key, conversions, toFloat64(value), toFloat64(spend), currency"
    expected = await warehouse.rows(f"SELECT {columns} FROM v_return_on_spend WHERE model = 'linear' ORDER BY 1, 2")
    assert {row[0]: round(row[2], 6) for row in expected if row[1] == "Display"} == {"channel": 1.5}
    assert (
        sum(row[4] for row in expected if row[0] == "campaign")
        == sum(row[4] for row in expected if row[0] == "channel")
        == 30
    )
    assert await warehouse.rows(f"SELECT {columns} FROM return_on_spend({both}, {windows}) ORDER BY 1, 2") == expected
    apart = []
    for by in ("campaign", "channel"):
        apart += await warehouse.rows(
            f"SELECT {columns} FROM return_on_spend({both.replace('channel,campaign', by)}, {windows}) ORDER BY 1, 2"
        )
    assert apart == expected
    paths = "SELECT countSubstrings(arrayStringConcat(groupArray(explain), ' '), 'conversion_paths') FROM (EXPLAIN PLAN SELECT * FROM "
    one = f"return_on_spend({both.replace('channel,campaign', 'channel').replace('linear', '')}, {windows})"
    assert await warehouse.rows(f"{paths} v_return_on_spend)") == await warehouse.rows(f"{paths} {one})") != [(0,)]


async def test_stages_and_the_circle(warehouse):
    """ann: all five stages, and a chat after her purchase; ben: saw an ad; cem: came twice, as a bot did; dor: bought twice; eli: chatted
    after signing up, and signed up again."""

    def at(day):
        return (NOON + day * DAY_MS) / 1000

    await warehouse.command(TOUCH + ", ".join(
        f"('shop', '{who}', {at(day)}, {number}, '{who}', '{kind}', 'classic', 'Email', 1)"
        for number, (who, day, kind) in enumerate(
            [("ann", 0, "visit"), ("ann", 5, "chat"), ("ann", 9, "review"), ("ben", 0, "impression"), ("cem", 0, "visit"),
             ("cem", 1, "visit"), ("dor", 0, "visit"), ("eli", 0, "visit"), ("eli", 5, "chat")], 1)))  # fmt: skip
    await warehouse.command(SESSION + ", ".join(
        f"('shop', '{who}', {at(day)}, {number}, '{who}', 0, 1, 1)"
        for number, (who, day) in enumerate([("ann", 0), ("cem", 0), ("cem", 1), ("dor", 0)], 1)))  # fmt: skip
    await warehouse.command(SESSION.replace("engaged", "is_bot") + ", ".join(
        f"('shop', 'bot', {at(day)}, {90 + day}, 'bot', 1, 1, 1)" for day in range(2)))  # fmt: skip
    await warehouse.command(CONVERSION + ", ".join(
        f"('shop', '{who}', {number}, {at(day)}, '{name}', 1, 1)"
        for number, (who, day, name) in enumerate(
            [("ann", 1, "lead"), ("ann", 2, "purchase"), ("dor", 0, "purchase"), ("dor", 3, "purchase"),
             ("eli", 1, "lead"), ("eli", 9, "lead")], 1)))  # fmt: skip
    rows = await warehouse.rows(
        "SELECT stage, persons, dropped, shown, returned FROM v_stages WHERE stage_model = 'journey' ORDER BY position"
    )
    assert rows == [
        ("awareness", 5, 1, 5, 2),
        ("consideration", 4, 1, 3, 2),
        ("conversion", 3, 1, 2, 0),
        ("purchase", 2, 0, 2, 0),
        ("retention", 2, 0, 2, 0),
    ]
    # by what was done in the first two days: nobody's second purchase, nobody's review
    early = {"since": "2026-01-05 12:00:00", "until": "2026-01-07 12:00:00"}
    journey = [row[2:5] for row in await report(warehouse, "stages", **early) if row[0] == "journey"]
    assert journey == [
        ("awareness", 5, 1),
        ("consideration", 4, 1),
        ("conversion", 3, 2),
        ("purchase", 1, 1),
        ("retention", 0, 0),
    ]
    # ann closes the circle with her review, dor with a second purchase; then ann comes back: her second round
    await warehouse.command(TOUCH + f"('shop', 'ann', {at(12)}, 90, 'ann', 'visit', 'classic', 'Email', 1)")
    rounds = [row[1:6] for row in await report(warehouse, "rounds") if row[0] == "journey"]
    assert [row[:1] + row[2:4] for row in rounds if row[0] == 1] == [
        (1, "awareness", 5), (1, "consideration", 4), (1, "conversion", 3), (1, "purchase", 2), (1, "retention", 2)
    ]  # fmt: skip
    assert [row[:1] + row[2:] for row in rounds if row[0] == 2] == [
        (2, "awareness", 1, 1), (2, "consideration", 0, 0), (2, "conversion", 0, 0), (2, "purchase", 0, 0), (2, "retention", 0, 0)
    ]  # fmt: skip
    models = await warehouse.rows("SELECT stage_model, count() FROM v_stages GROUP BY stage_model ORDER BY stage_model")
    assert models == [("awareness_conversion", 4), ("content", 4), ("journey", 5), ("loyalty", 4), ("sales_waltz", 8)]
    persons = await warehouse.rows(
        "SELECT person_id, stage, dateDiff('day', toDate('2026-01-05'), first_shown_at) FROM v_person_stages "
        "WHERE stage_model = 'journey' ORDER BY person_id"
    )
    assert persons == [
        ("ann", "retention", 9),
        ("ben", "awareness", 0),
        ("cem", "consideration", 1),
        ("dor", "retention", 3),
        ("eli", "conversion", 1),
    ]
    # the last stage shown again is no new round, where nothing earlier is shown with it
    await warehouse.command(TOUCH + ", ".join(
        f"('shop', 'fay', {at(day)}, {70 + day}, 'fay', 'share', 'classic', 'Email', 1)" for day in (20, 21)))  # fmt: skip
    rounds = [row[1:5] for row in await report(warehouse, "rounds") if row[0] == "loyalty"]
    assert [row for row in rounds if row[2] == "maintenance"] == [(1, 4, "maintenance", 1)]


async def test_cohorts(warehouse):
    """Of one site two people whose first touch was an e-mail and one who was there; and another site's `a`. What came before it is of no cohort."""
    await warehouse.command(TOUCH + ", ".join(
        f"('{site}', '{who}', '2026-01-{day} 00:00:00', {number}, '{who}', 'visit', 'classic', '{channel}', 1)"
        for number, (site, who, day, channel) in enumerate(
            [("s", "a", "05", "Email"), ("s", "a", "06", "Live"), ("s", "b", "20", "Email"), ("t", "a", "07", "Audio"),
             ("s", "c", "08", "Live")])))  # fmt: skip
    conversions = [("a", "02-01", 5, ""), ("a", "02-03", 6, ""), ("b", "02-02", 7, "EUR"), ("b", "01-10", 9, "EUR")]
    await warehouse.command(CONVERSION.replace("value", "value, currency") + ", ".join(
        f"('s', '{who}', {number}, '2026-{day} 00:00:00', 'purchase', {value}, '{currency}', 1)"
        for number, (who, day, value, currency) in enumerate(conversions)))  # fmt: skip
    assert await report(warehouse, "cohorts") == [
        ("2026-01-01", "Email", 2, 1, 1, 2, 11.0, ""),
        ("2026-01-01", "Email", 2, 1, 1, 1, 7.0, "EUR"),
        ("2026-01-01", "Audio", 1, 0, 0, 0, 0.0, ""),
        ("2026-01-01", "Live", 1, 0, 0, 0, 0.0, ""),
    ]
