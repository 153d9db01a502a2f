"""The worked examples of docs/attribution.md, executed."""

import re
from decimal import Decimal
from pathlib import Path as File

import pytest
from attribution.world import DAY_MS, Path, attribution, put

pytestmark = pytest.mark.anyio
PAGE = File(__file__).parents[2] / "docs" / "attribution.md"
EXAMPLES = re.findall(r"```example\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
NAMED = re.compile(r"\s*([A-Z][A-Za-z ]*)=([0-9.]+)")
TOUCH = re.compile(r"\s*([A-Z][A-Za-z ]*)@-?([0-9]+)d")


@pytest.mark.parametrize("example", EXAMPLES)
async def test_example(warehouse, example):
    lines = [line.split(":", 1) for line in example.strip().splitlines()]
    paths = []
    for _, text in (line for line in lines if line[0] == "path"):
        touches = TOUCH.findall(text)
        paths.append(
            Path([c for c, _ in touches], Decimal(text.split("value=")[1]), [int(d) * DAY_MS for _, d in touches])
        )
    await put(warehouse, paths, [[text.strip()] for name, text in lines if name == "open"])
    claims = [(name, text) for name, text in lines if name not in {"path", "open"}]
    assert claims
    for name, text in claims:
        told = [(channel, float(value)) for channel, value in NAMED.findall(text)]
        if name.startswith("effects "):
            rows = await warehouse.rows(
                "SELECT channel, effect FROM v_channel_effects WHERE model = {m:String} ORDER BY channel",
                {"m": name.split()[1]},
            )
            assert dict(rows) == pytest.approx(dict(told))
            continue
        model, _, option = name.partition(" half_life=")
        half_life_s = int(option.removesuffix("d")) * 86_400 if option else 604_800
        source = attribution(model=model, half_life_s=half_life_s)
        rows = await warehouse.rows(f"SELECT channel, value FROM {source} ORDER BY position")
        assert [(channel, float(value)) for channel, value in rows] == told


def test_there_are_examples():
    assert len(EXAMPLES) == 4
