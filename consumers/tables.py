"""The tables, the views and the rules in them, brought up to date at every start."""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from consumers.identity.macros import OF_VIEW
from consumers.refresh.sql import FOLDER, expand
from consumers.rules.channels import condition
from consumers.rules.files import ChannelRule, Rules, version_of
from consumers.rules.macros import macros
from consumers.rules.stages import stage_view_macros
from consumers.rules.view_macros import view_macros
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.migrations import migrate, statements

RULE_TABLES: Final = ("referrer_hosts", "channel_rules", "currency_rates")
# Whoever publishes is done within seconds; after an hour it died on the way.
LEFT_BEHIND_US: Final = 3_600_000_000


async def prepare_tables(warehouse: Warehouse, rules: Rules) -> list[str]:
    """Migrate, publish the rules, make the views; the names of the migrations applied now."""
    applied = await migrate(warehouse, FOLDER / "tables")
    await publish_rules(warehouse, rules)
    await make_views(warehouse, rules)
    return applied


async def make_views(warehouse: Warehouse, rules: Rules) -> None:
    """Make all views under these rules, file by file in the order of their names: later ones read earlier ones."""
    named = {**macros(rules), **view_macros(), **stage_view_macros(rules.stages)}
    named["event_persons_of_view"] = expand(named["event_persons"], {**named, **OF_VIEW})
    named["link_standing"] = OF_VIEW["link_standing"]
    for file in sorted((FOLDER / "views").glob("[0-9]*.sql")):
        for statement in statements(file.read_text("utf-8")):
            await warehouse.command(expand(statement, named))


async def publish_rules(warehouse: Warehouse, rules: Rules) -> None:
    """Replace the rule tables by these rules, in one statement: consumers may be deriving by them."""
    version = version_of(rules)
    known = await published_version(warehouse) == version
    if known and await _sizes(warehouse) == (len(rules.referrers), len(_ordered(rules)), len(rules.rates)):
        return
    beside = await _place_beside(warehouse)
    await warehouse.command(f"CREATE DATABASE {beside}")
    for table in RULE_TABLES:
        await warehouse.command(f"CREATE TABLE {beside}.{table} AS {table}")
    await insert_referrers(warehouse, rules, f"{beside}.referrer_hosts")
    await _insert_channels(warehouse, rules, f"{beside}.channel_rules")
    await _insert_rates(warehouse, rules, f"{beside}.currency_rates")
    pairs = ", ".join(f"{table} AND {beside}.{table}" for table in RULE_TABLES)
    await warehouse.command(f"EXCHANGE TABLES {pairs}")
    # The newest row tells what is in force.
    if not known:
        text = msgspec.json.encode(rules).decode()
        await warehouse.insert(
            "rule_versions", {"version": [version], "rules": [text]}, {"version": "UInt64", "rules": "String"}
        )
    await warehouse.command(f"DROP DATABASE IF EXISTS {beside}")


async def _sizes(warehouse: Warehouse) -> tuple[int, ...]:
    """Rows of the rule tables."""
    counts = ", ".join(f"(SELECT count() FROM {table})" for table in RULE_TABLES)
    return tuple(int(count) for count in (await warehouse.rows(f"SELECT {counts}"))[0])


async def _place_beside(warehouse: Warehouse) -> str:
    """A database that nobody else has: two may publish at once. Those that were left behind are dropped."""
    begin = f"{warehouse.database}_rules_"
    [(now_us,)] = await warehouse.rows("SELECT toUnixTimestamp64Micro(now64(6))")
    left = await warehouse.rows(
        "SELECT name FROM system.databases WHERE startsWith(name, {begin:String}) "
        "AND toInt64OrZero(substring(name, length({begin:String}) + 1)) BETWEEN 1 AND {before:Int64}",
        {"begin": begin, "before": int(now_us) - LEFT_BEHIND_US},
    )
    for (name,) in left:
        await warehouse.command(f"DROP DATABASE IF EXISTS {name}")
    return f"{begin}{now_us}"


def _ordered(rules: Rules) -> list[ChannelRule]:
    return [*rules.channels.rules, rules.channels.otherwise]


async def _insert_channels(warehouse: Warehouse, rules: Rules, table: str) -> None:
    ordered = _ordered(rules)
    await warehouse.insert(
        table,
        {
            "position": list(range(1, len(ordered) + 1)),
            "channel": [rule.channel for rule in ordered],
            "node": [rule.node for rule in ordered],
            "condition": [condition(rule, rules.channels) or "otherwise" for rule in ordered],
        },
        {
            "position": "UInt16",
            "channel": "LowCardinality(String)",
            "node": "LowCardinality(String)",
            "condition": "String",
        },
    )


async def _insert_rates(warehouse: Warehouse, rules: Rules, table: str) -> None:
    await warehouse.insert(
        table,
        {
            "base": [rate.base for rate in rules.rates],
            "currency": [rate.currency for rate in rules.rates],
            "day": [date.fromisoformat(rate.day) for rate in rules.rates],
            "rate": [rate.rate for rate in rules.rates],
        },
        {"base": "LowCardinality(String)", "currency": "LowCardinality(String)", "day": "Date", "rate": "Float64"},
    )


async def published_version(warehouse: Warehouse) -> int | None:
    """The version of the rules that were put in force last."""
    rows = await warehouse.rows("SELECT version FROM rule_versions ORDER BY published_at DESC LIMIT 1")
    return int(rows[0][0]) if rows else None


async def insert_referrers(warehouse: Warehouse, rules: Rules, table: str) -> None:
    """Fill a table of referrer hosts."""
    hosts = rules.referrers
    await warehouse.insert(
        table,
        {
            "host": [row.host for row in hosts],
            "source": [row.source for row in hosts],
            "category": [row.category for row in hosts],
        },
        {"host": "String", "source": "String", "category": "LowCardinality(String)"},
    )
