"""The credits of every model against the textbook, for paths that Hypothesis makes up."""

import json
from collections import defaultdict
from decimal import Decimal

import pytest
from attribution.reference import by_effect, positional, removal_effects, shapley_values, transformed
from attribution.world import DAY_MS, MODEL, WINDOW, Path, World, ages, attribution, put, put_worlds, view
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from consumers.warehouse.contract import WarehouseError

pytestmark = pytest.mark.anyio

CHANNELS = ["Direct", "Email", "Paid Search", "Organic Social", "Live"]
WAYS = st.lists(st.sampled_from(CHANNELS), max_size=6)
MONEY = st.decimals(0, 100_000, places=4, allow_nan=False)
PATHS = st.lists(st.tuples(WAYS, MONEY).map(lambda drawn: Path(*drawn)), min_size=1, max_size=6)
OPEN = st.lists(st.lists(st.sampled_from([*CHANNELS, "Display"]), min_size=1, max_size=5), max_size=5)
# Each world is a site of its own, and one query answers for all: the engine is asked a few times, the laws tried often.
WORLDS = st.lists(st.tuples(PATHS, OPEN).map(lambda drawn: World(*drawn)), min_size=1, max_size=25).map(
    lambda worlds: {f"site{number}": world for number, world in enumerate(worlds)}
)
SETTINGS = settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
POSITIONAL = ("first", "last", "last_non_direct", "linear", "position", "time_decay")


async def credits_by_site(warehouse, source="v_attribution"):
    """(site, conversion) -> model -> [(channel, credit, value)] in path order."""
    found = defaultdict(lambda: defaultdict(list))
    sql = f"SELECT site, conversion_id, model, channel, credit, value FROM {source} ORDER BY site, conversion_id, model, position"
    for site, conversion, model, *row in await warehouse.rows(sql):
        found[site, conversion][model].append(tuple(row))
    return found


async def shares(warehouse, source="v_attribution"):
    """model -> conversion -> rows, of a single site."""
    found = defaultdict(dict)
    for (_, conversion), models in (await credits_by_site(warehouse, source)).items():
        for model, rows in models.items():
            found[model][conversion] = rows
    return found


def ways_of(world):
    return [(path.channels, True) for path in world.paths] + [(way, False) for way in world.unconverted]


def check(path, rows, expected):
    """All is dealt out to the last digit, and as expected."""
    assert sum(row[1] for row in rows) == pytest.approx(1, abs=1e-12)
    assert sum(row[2] for row in rows) == path.value
    assert [row[0] for row in rows] == (list(path.channels) or ["Unattributed"])
    assert [row[1] for row in rows] == pytest.approx(expected, abs=1e-9)
    assert [float(row[2]) for row in rows] == pytest.approx([float(path.value) * e for e in expected], abs=2e-4)


@SETTINGS
@given(worlds=WORLDS)
async def test_every_model_equals_the_textbook(warehouse, worlds):
    await put_worlds(warehouse, worlds)
    found = await credits_by_site(warehouse)
    assert len(found) == sum(len(world.paths) for world in worlds.values())
    for site, world in worlds.items():
        effects = {
            "markov": removal_effects(ways_of(world)),
            "shapley": shapley_values([p.channels for p in world.paths]),
        }
        for number, path in enumerate(world.paths, 1):
            models = found[site, number]
            assert set(models) == {*POSITIONAL, *effects}
            for model, rows in models.items():
                if not path.channels:
                    expected = [1.0]
                elif model in effects:
                    expected = by_effect(path.channels, effects[model])
                else:
                    expected = positional(model, path.channels, ages(path))
                check(path, rows, expected)


async def test_where_nobody_converted_no_channel_has_a_share(warehouse):
    await put(warehouse, [], [["Email", "Direct"]])
    rows = await warehouse.rows("SELECT channel, effect, share, conversions FROM v_channel_effects ORDER BY channel")
    assert rows == [("Direct", 0.0, 0.0, 0), ("Email", 0.0, 0.0, 0)]


@SETTINGS
@given(worlds=WORLDS)
async def test_effects_of_channels(warehouse, worlds):
    await put_worlds(warehouse, worlds)
    rows = await warehouse.rows("SELECT site, model, channel, effect, conversions, open_paths FROM v_channel_effects")
    found = defaultdict(dict)
    for site, model, channel, effect, conversions, unconverted in rows:
        found[site, model][channel] = effect
        assert conversions == sum(bool(path.channels) for path in worlds[site].paths)
        assert unconverted == len(worlds[site].unconverted)
    for site, world in worlds.items():
        markov = {channel: float(effect) for channel, effect in removal_effects(ways_of(world)).items()}
        assert found[site, "markov"] == pytest.approx(markov, abs=1e-9)
        shapley = {
            channel: float(value) for channel, value in shapley_values([p.channels for p in world.paths]).items()
        }
        assert found[site, "shapley"] == pytest.approx(shapley, abs=1e-9)


@SETTINGS
@given(
    pairs=st.lists(
        st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=6).flatmap(
            lambda way: st.tuples(st.just(way), st.permutations(way))
        ),
        min_size=1,
        max_size=20,
    )
)
async def test_a_permutation_changes_neither_linear_nor_shapley(warehouse, pairs):
    others = [Path(["Email", "Live"]), Path(["Direct"])]
    found = []
    for which in (0, 1):
        await put_worlds(warehouse, {f"site{i}": World([Path(pair[which]), *others]) for i, pair in enumerate(pairs)})
        rows = await warehouse.rows(
            "SELECT site, model, channel, sum(credit) FROM v_attribution WHERE model IN ('linear', 'shapley') GROUP BY 1, 2, 3"
        )
        found.append({row[:3]: row[3] for row in rows})
    assert found[0] == pytest.approx(found[1], abs=1e-9)


@SETTINGS
@given(worlds=WORLDS, kind=st.sampled_from(["collapse", "first", "drop_direct"]))
async def test_transforms_come_before_the_models(warehouse, worlds, kind):
    """A transformed path gets what the model gives to the path that is left, in every model."""
    await put_worlds(warehouse, worlds)
    found = await credits_by_site(warehouse, attribution(transform=kind))
    left = {}
    for site, world in worlds.items():
        kept = [(path, transformed(path.channels, kind)) for path in world.paths]
        left[site] = World(
            [Path([p.channels[i] for i in keep], p.value, [ages(p)[i] for i in keep]) for p, keep in kept],
            [[way[i] for i in transformed(way, kind)] for way in world.unconverted],
        )
    await put_worlds(warehouse, left)
    expected = await credits_by_site(warehouse)
    assert set(found) == set(expected)
    for key, models in expected.items():
        for model, rows in models.items():
            assert [row[0] for row in found[key][model]] == [row[0] for row in rows]
            assert [row[1] for row in found[key][model]] == pytest.approx([row[1] for row in rows], abs=1e-9)


async def test_a_channel_in_no_converting_path_gets_nothing(warehouse):
    await put(warehouse, [Path(["Email", "Direct"])], [["Display"], ["Email"]])
    assert await warehouse.rows("SELECT sum(credit) FROM v_attribution WHERE channel = 'Display'") == [(0.0,)]
    effects = await warehouse.rows("SELECT model, effect FROM v_channel_effects WHERE channel = 'Display'")
    assert effects == [("markov", 0.0)]


async def test_three_days_and_a_half_life_of_one_day(warehouse):
    await put(warehouse, [Path(["A", "B", "C"], Decimal(7), [2 * DAY_MS, DAY_MS, 0])])
    rows = await shares(warehouse, attribution(model="time_decay", half_life_s=86_400))
    assert [row[2] for row in rows["time_decay"][1]] == [Decimal(1), Decimal(2), Decimal(4)]
    assert [row[1] for row in rows["time_decay"][1]] == pytest.approx([1 / 7, 2 / 7, 4 / 7])


@pytest.mark.parametrize(
    ("weights", "length", "expected"),
    [
        ((40, 20, 40), 1, [1]),
        ((40, 20, 40), 2, [0.5, 0.5]),
        ((30, 10, 60), 2, [1 / 3, 2 / 3]),
        ((30, 10, 60), 4, [0.3, 0.05, 0.05, 0.6]),
        ((0, 1, 0), 2, [0.5, 0.5]),
        ((0, 1, 0), 3, [0, 1, 0]),
        ((1, 1, 2), 3, [0.25, 0.25, 0.5]),
    ],
)
async def test_position_weights_are_free(warehouse, weights, length, expected):
    await put(warehouse, [Path(CHANNELS[:length])])
    first, middle, last = weights
    source = attribution(model="position", position_first=first, position_middle=middle, position_last=last)
    rows = await shares(warehouse, source)
    assert [row[1] for row in rows["position"][1]] == pytest.approx(expected)


async def test_lookback_shortens_paths(warehouse):
    await put(warehouse, [Path(["A", "B"], ages_ms=[3 * DAY_MS, DAY_MS]), Path(["A"], ages_ms=[3 * DAY_MS])])
    rows = await shares(warehouse, attribution(model="linear", lookback_s=86_400))
    assert rows["linear"] == {
        1: [("B", 1.0, Decimal(100))],
        2: [("Unattributed", 1.0, Decimal(100))],
    }
    collapsed = await shares(warehouse, attribution(model="linear", lookback_s=86_400, transform="collapse"))
    assert collapsed == rows


async def test_a_model_alone_is_the_model_among_all(warehouse):
    await put(warehouse, [Path(["Email", "Direct", "Email"]), Path(["Live"])], [["Email"]])
    together = await shares(warehouse)
    for model in together:
        assert await shares(warehouse, attribution(model=model)) == {model: together[model]}


async def test_sites_do_not_mix(warehouse):
    await put_worlds(
        warehouse, {"shop": World([Path(["Email", "Live"])], [["Live"]]), "other": World([Path(["Email"])])}
    )
    rows = await warehouse.rows(
        "SELECT site, channel, effect FROM v_channel_effects WHERE model = 'shapley' ORDER BY ALL"
    )
    assert rows == [("other", "Email", 1.0), ("shop", "Email", 0.5), ("shop", "Live", 0.5)]


async def test_parameters_are_the_windows(warehouse):
    await put(warehouse, [Path(["Email"])], [["Email"]])
    assert await warehouse.rows(f"SELECT count() FROM {view('attribution', MODEL, until='2026-01-05 12:00:00')}") == [
        (0,)
    ]
    assert await warehouse.rows(
        f"SELECT count() FROM {view('attribution_ways', WINDOW, since='2026-01-05 12:00:00')}"
    ) == [(2,)]


async def test_conversions_of_some_names(warehouse):
    await put(warehouse, [Path(["Email"]), Path(["Live"], name="lead"), Path(["Live"], name="sign_up")], [["Email"]])
    asked = attribution(model="linear", conversion="lead,purchase")
    assert set((await shares(warehouse, asked))["linear"]) == {1, 2}
    effects = view("channel_effects", {**WINDOW, "model": "markov"}, conversion="purchase")
    assert await warehouse.rows(f"SELECT channel, effect, conversions, open_paths FROM {effects}") == [
        ("Email", 1.0, 1, 1)
    ]


@pytest.mark.parametrize(
    "given",
    [{}, {"model": "time_decay", "half_life_s": 3600}, {"model": "position", "position_first": 10.5}, {"lookback_s": 90_000},
     {"transform": "collapse", "conversion": "purchase"}, {"since": "2026-01-05 12:00:00", "until": "2026-01-06 00:00:00"}],
)  # fmt: skip
async def test_options_are_parameters_with_defaults(warehouse, given):
    await put(warehouse, [Path(["Email", "Email", "Live"]), Path(["Live"], name="lead")], [["Email"]])
    options = json.dumps(given)
    expected = await warehouse.rows(f"SELECT * FROM {attribution(**given)} ORDER BY ALL")
    found = await warehouse.rows(
        "SELECT * FROM attribution_with(options = {options:String}) ORDER BY ALL", {"options": options}
    )
    assert found == expected != []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ('{"modle": "linear"}', "known are model, since"), ('{"model": "timedecay"}', "time_decay"), ("model=linear", "JSON"),
        ('{"transform": "colapse"}', "collapse"), ("[]", "JSON object"), ("null", "JSON object"),
        ('{"lookback_s": "30d"}', "lookback_s is"), ('{"lookback_s": -1}', "lookback_s is"), ('{"lookback_s": 0.5}', "lookback_s is"),
        ('{"half_life_s": 0}', "half_life_s is"), ('{"half_life_s": "1d"}', "half_life_s is"),
        ('{"position_first": -1}', "position_first, "), ('{"position_last": "x"}', "position_first, "),
        ('{"position_first": 0, "position_middle": 0, "position_last": 0}', "not all 0"),
    ],
)  # fmt: skip
async def test_misspelled_options_are_an_error(warehouse, given, says):
    with pytest.raises(WarehouseError, match=says):
        await warehouse.rows("SELECT sum(value) FROM attribution_with(options = {options:String})", {"options": given})
