"""The rule file and the events of docs/rules.md, executed: each line does what it says."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from rules.test_conversions import derived, fact

from consumers.rules.check import check
from consumers.rules.files import load

pytestmark = pytest.mark.anyio
PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
COLUMNS = {"url": "url", "name": "name", "order": "order_id", "value": "value", "currency": "currency"}


def event(number, text):
    kind, *given = text.split()
    told = dict(part.split("=", 1) for part in given)
    own = {
        COLUMNS[key]: value.replace("-", " ") if key == "name" else value
        for key, value in told.items()
        if key in COLUMNS
    }
    if "value" in own:
        own["value"] = Decimal(own["value"])
    properties = {key: value for key, value in told.items() if key not in COLUMNS}
    return fact(number, kind, number, properties=json.dumps(properties), **own)


def outcome(said, conversions):
    """What a line says is done to the conversions so far."""
    if made := re.fullmatch(r"(\w+) (\d+) ([A-Z]+)", said):
        conversions.append([made[1], Decimal(made[2]), made[3]])
    elif back := re.fullmatch(r"takes (all|\d+) of (\w+) back", said):
        one = next(one for one in conversions if one[0] == back[2])
        one[1] = Decimal(0) if back[1] == "all" else one[1] - Decimal(back[1])
    else:
        assert said == "nothing"


async def test_the_page(engine, tmp_path):
    for name, text in re.findall(r"```rules (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(text, "utf-8")
    assert check(tmp_path) == []
    [block] = re.findall(r"```events\n(.*?)```", PAGE, re.DOTALL)
    lines = [[part.strip() for part in line.split("->")] for line in block.strip().splitlines()]
    expected: list[list[object]] = []
    for _, said in lines:
        outcome(said, expected)
    await derived(engine, [event(number, text) for number, (text, _) in enumerate(lines, 1)], load(tmp_path))
    found = await engine.rows("SELECT name, value, currency FROM conversions FINAL ORDER BY ts")
    assert [list(row) for row in found] == expected
    assert len(expected) == 4
