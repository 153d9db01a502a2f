"""Paths written by hand, put into the tables as the pipeline would leave them; and views asked with all their parameters."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

DAY_MS = 86_400_000
NOON = 1_767_614_400_000  # 2026-01-05 12:00 UTC


class Path(NamedTuple):
    """A conversion and the channels before it; `ages_ms` = how long before the conversion each touch was."""

    channels: Sequence[str]
    value: Decimal = Decimal(100)
    ages_ms: Sequence[int] = ()
    currency: str = "EUR"
    campaigns: Sequence[str] = ()
    number: int = 1
    name: str = "purchase"
    person: str = ""


PATH_TYPES = {
    "site": "String", "person_id": "String", "conversion_id": "UInt64", "converted_at": "DateTime64(3, 'UTC')",
    "name": "String", "value": "Decimal(18, 4)", "currency": "String", "number": "UInt32", "touches": "UInt32",
    "path_channels": "Array(String)", "path_nodes": "Array(String)", "path_sources": "Array(String)",
    "path_mediums": "Array(String)", "path_campaigns": "Array(String)", "path_kinds": "Array(String)",
    "path_ts": "Array(DateTime64(3, 'UTC'))", "path_touchpoint_ids": "Array(UInt64)",
    "first_touch_at": "Nullable(DateTime64(3, 'UTC'))", "seconds_to_convert": "Nullable(Float64)",
    "devices": "UInt32", "version": "UInt64", "is_deleted": "UInt8",
}  # fmt: skip


def ages(path: Path) -> list[int]:
    return list(path.ages_ms) or [DAY_MS * back for back in range(len(path.channels), 0, -1)]


def _row(number: int, path: Path) -> dict[str, Any]:
    times = [NOON - age for age in ages(path)]
    channels = list(path.channels)
    return {
        "person_id": path.person or f"p{number}", "conversion_id": number, "converted_at": NOON, "name": path.name,
        "value": path.value, "currency": path.currency, "number": path.number, "touches": len(channels),
        "path_channels": channels, "path_nodes": ["classic"] * len(channels),
        "path_sources": [channel.lower() for channel in channels], "path_mediums": [""] * len(channels),
        "path_campaigns": list(path.campaigns) or [""] * len(channels), "path_kinds": ["visit"] * len(channels),
        "path_ts": times, "path_touchpoint_ids": [number * 1000 + i for i in range(1, len(channels) + 1)],
        "first_touch_at": times[0] if times else None,
        "seconds_to_convert": (NOON - times[0]) / 1000 if times else None, "devices": 1, "version": 1, "is_deleted": 0,
    }  # fmt: skip


class World(NamedTuple):
    """All ways of one site: conversions, and the channels of people who have not converted."""

    paths: Sequence[Path]
    unconverted: Sequence[Sequence[str]] = ()


async def put(
    warehouse: Any, paths: Sequence[Path], unconverted: Sequence[Sequence[str]] = (), site: str = "shop"
) -> None:
    """One site."""
    await put_worlds(warehouse, {site: World(paths, unconverted)})


async def put_worlds(warehouse: Any, worlds: dict[str, World]) -> None:
    """Several sites in one block: what one query answers for all of them costs once."""
    for table in ("conversion_paths", "open_paths"):
        await warehouse.command(f"TRUNCATE TABLE {table}")
    rows = [
        {**_row(number, path), "site": site}
        for site, world in worlds.items()
        for number, path in enumerate(world.paths, 1)
    ]
    unconverted = [(site, way) for site, world in worlds.items() for way in world.unconverted]
    if rows:
        await warehouse.insert("conversion_paths", {key: [row[key] for row in rows] for key in PATH_TYPES}, PATH_TYPES)
    if unconverted:
        columns = {
            "site": [site for site, _ in unconverted],
            "person_id": [f"o{number}" for number in range(len(unconverted))],
            "touches": [len(way) for _, way in unconverted],
            "path_channels": [list(way) for _, way in unconverted],
            "path_ts": [[NOON - i for i in range(len(way), 0, -1)] for _, way in unconverted],
            "last_touch_at": [NOON] * len(unconverted),
            "version": [1] * len(unconverted),
            "is_deleted": [0] * len(unconverted),
        }
        types = {
            "site": "String", "person_id": "String", "touches": "UInt32", "path_channels": "Array(String)",
            "path_ts": "Array(DateTime64(3, 'UTC'))", "last_touch_at": "DateTime64(3, 'UTC')", "version": "UInt64",
            "is_deleted": "UInt8",
        }  # fmt: skip
        await warehouse.insert("open_paths", columns, types)


WINDOW = {
    "since": "1970-01-01 00:00:00",
    "until": "2299-01-01 00:00:00",
    "lookback_s": 0,
    "transform": "",
    "conversion": "",
}
MODEL = {**WINDOW, "model": "", "half_life_s": 604800, "position_first": 40, "position_middle": 20, "position_last": 40}


def view(name: str, defaults: dict[str, Any], **given: Any) -> str:
    """`name(a = …, b = …)` for a FROM clause."""
    values = {**defaults, **given}
    return f"{name}({', '.join(f'{key} = {value!r}' for key, value in values.items())})"


def attribution(**given: Any) -> str:
    return view("attribution", MODEL, **given)
