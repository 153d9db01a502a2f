"""The tables, the views and the rules in them, brought up to date at every start."""

from __future__ import annotations

from datetime import date

import msgspec

from consumers.identity.macros import OF_VIEW
from consumers.refresh.sql import FOLDER, expand
from consumers.rules.channels import condition
from consumers.rules.files import Rules, version_of
from consumers.rules.macros import macros
from consumers.rules.stages import stage_view_macros
from consumers.rules.view_macros import view_macros
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.migrations import migrate, statements


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
    """Replace the rule tables by these rules."""
    await warehouse.command("TRUNCATE TABLE referrer_hosts")
    await insert_referrers(warehouse, rules, "referrer_hosts")
    version = version_of(rules)
    # The newest row tells what is in force.
    if await published_version(warehouse) != version:
        text = msgspec.json.encode(rules).decode()
        await warehouse.insert(
            "rule_versions", {"version": [version], "rules": [text]}, {"version": "UInt64", "rules": "String"}
        )
    await warehouse.command("TRUNCATE TABLE currency_rates")
    await warehouse.insert(
        "currency_rates",
        {
            "base": [rate.base for rate in rules.rates],
            "currency": [rate.currency for rate in rules.rates],
            "day": [date.fromisoformat(rate.day) for rate in rules.rates],
            "rate": [rate.rate for rate in rules.rates],
        },
        {"base": "LowCardinality(String)", "currency": "LowCardinality(String)", "day": "Date", "rate": "Float64"},
    )
    await warehouse.command("TRUNCATE TABLE channel_rules")
    ordered = [*rules.channels.rules, rules.channels.otherwise]
    await warehouse.insert(
        "channel_rules",
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
