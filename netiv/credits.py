"""`netiv report attribution --model …`: what was typed, as parameters of the views; and the effects of Markov chains of order 2."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from consumers.reports.removal import removal_effects
from consumers.rules.view_macros import MODELS, TRANSFORMS
from netiv import clickhouse, configuration, durations, reports
from netiv.clickhouse import ClickHouse
from netiv.errors import CommandError
from netiv.output import Table
from netiv.report_run import Asked, display, filters, require_site

_EVERY_ROW = 1 << 31
KEYS = ("channel", "campaign", "source", "node", "stage")


class Credits(msgspec.Struct, frozen=True):
    """The options of the models, as typed."""

    model: str
    by: str = "channel"
    lookback: str = ""
    half_life: str = "7d"
    position: str = "40,20,40"
    transform: str = ""
    order: int = 1
    currency: str = ""


def show(wanted: Credits, asked: Asked) -> None:
    """Print credits, spend, CPA and ROAS under one model."""
    extra = parameters(wanted)
    settings = configuration.load()
    warehouse = clickhouse.of(settings, asked.url)
    require_site(warehouse, settings, asked.site)
    chosen = filters(asked)
    if wanted.order == 2:
        extra["effects"] = effects_of_order_2(warehouse, chosen, extra)
    table = reports.run(warehouse, "credits", f"Attribution: {wanted.model}", chosen, extra)
    warehouse.close()
    columns = [wanted.by if column == "key" else column for column in table.columns]
    display(msgspec.structs.replace(table, columns=columns), asked.form)
    if left := unconverted(table, wanted.currency):
        print(
            f"No rate turns {', '.join(left)} into {wanted.currency.upper()}: those amounts stand in rows of their own. "
            "Rates are in the rules' currencies.csv.",
            file=sys.stderr,
        )


def unconverted(table: Table, wanted: str) -> list[str]:
    """Which currencies of a table no rate turned into the wanted one; none where none is wanted ("")."""
    at = table.columns.index("currency")
    return sorted({str(row[at]) for row in table.rows} - {"", wanted.upper()}) if wanted else []


def parameters(wanted: Credits) -> dict[str, Any]:
    """The parameters of the view `return_on_spend`. A usage error for what is none."""
    _one_of("--model", wanted.model, MODELS)
    _one_of("--by", wanted.by, KEYS)
    _one_of("--transform", wanted.transform, TRANSFORMS)
    if wanted.order == 2 and wanted.model != "markov":
        raise CommandError("--order is of Markov chains", "Add --model markov, or leave --order out.", code=2)
    half_life_s = durations.seconds(wanted.half_life)
    if half_life_s <= 0:
        raise CommandError("A half-life is longer than nothing", "Write --half-life 7d.", code=2)
    first, middle, last = _weights(wanted.position)
    return {
        "model": wanted.model, "by": wanted.by, "transform": wanted.transform, "half_life_s": half_life_s,
        "position_first": first, "position_middle": middle, "position_last": last, "currency": wanted.currency.upper(),
        "lookback_s": round(durations.seconds(wanted.lookback)) if wanted.lookback else 0, "effects": "",
    }  # fmt: skip


def effects_of_order_2(warehouse: ClickHouse, chosen: reports.Filters, extra: dict[str, Any]) -> str:
    """Removal effects per site, as `attribution_by_given` reads them."""
    every = msgspec.structs.replace(chosen, limit=_EVERY_ROW)
    counted: dict[str, list[tuple[tuple[str, ...], str, int]]] = {}
    for site, before, here, following, taken in reports.run(warehouse, "transitions_2", "", every, extra).rows:
        counted.setdefault(str(site), []).append(((str(before), str(here)), str(following), int(taken)))
    rows = [
        (site, channel, effect) for site, steps in counted.items() for channel, effect in removal_effects(steps).items()
    ]
    return msgspec.json.encode(rows).decode()


def _weights(text: str) -> tuple[float, float, float]:
    try:
        first, middle, last = (float(part) for part in text.split(","))
    except ValueError:
        first = middle = last = -1.0
    if min(first, middle, last) < 0 or first + middle + last <= 0:
        raise CommandError(f"{text!r} are no position weights", "Write first,middle,last: 40,20,40.", code=2)
    return first, middle, last


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise CommandError(
            f"{option} {value!r} is unknown", f"One of: {', '.join(name for name in known if name)}.", code=2
        )
