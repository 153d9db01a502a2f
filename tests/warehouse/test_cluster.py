"""Migrations and operations as a cluster gets them: exact texts, every statement parsed by the real engine, none forgotten."""

from __future__ import annotations

import random
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from consumers.identity.performing import Performer
from consumers.identity.requests import Erase, Unlink
from consumers.rebuild import rebuild
from consumers.refresh.refresher import Refresher
from consumers.refresh.sql import FOLDER
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.cluster import SHARDING, Cluster, asked_once
from consumers.warehouse.clustered import ClusteredWarehouse
from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.embedded import EmbeddedWarehouse
from consumers.warehouse.migrations import read_files

pytestmark = pytest.mark.anyio
CLUSTER = Cluster("prod", "netiv")

REPLACING = """-- a comment
CREATE TABLE IF NOT EXISTS sessions
(
    site     String,
    subject  String COMMENT 'who (or what)',
    version  UInt64
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, subject)
SETTINGS index_granularity = 1024"""


def test_a_table_becomes_a_replicated_one_and_a_distributed_one() -> None:
    assert CLUSTER.statements(REPLACING) == [
        (
            "CREATE TABLE IF NOT EXISTS sessions_local ON CLUSTER 'prod'\n"
            "(\n    site     String,\n    subject  String COMMENT 'who (or what)',\n    version  UInt64\n)\n"
            "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)\n"
            "ORDER BY (site, subject)\nSETTINGS index_granularity = 1024"
        ),
        (
            "CREATE TABLE IF NOT EXISTS sessions ON CLUSTER 'prod' AS sessions_local\n"
            "ENGINE = Distributed('prod', 'netiv', 'sessions_local', cityHash64(site, subject))"
        ),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("INSERT INTO events SELECT * FROM events", ["INSERT INTO events SELECT * FROM events"]),
        (
            "CREATE TABLE IF NOT EXISTS rule_versions\n(\n    v UInt64\n)\nENGINE = MergeTree\nORDER BY v",
            [
                (
                    "CREATE TABLE IF NOT EXISTS rule_versions_local ON CLUSTER 'prod'\n(\n    v UInt64\n)\n"
                    "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')\nORDER BY v"
                ),
                (
                    "CREATE TABLE IF NOT EXISTS rule_versions ON CLUSTER 'prod' AS rule_versions_local\n"
                    "ENGINE = Distributed('prod', 'netiv', 'rule_versions_local', 0)"
                ),
            ],
        ),
        (
            "ALTER TABLE events ADD COLUMN IF NOT EXISTS a UInt8",
            [
                "ALTER TABLE events_local ON CLUSTER 'prod' ADD COLUMN IF NOT EXISTS a UInt8",
                "ALTER TABLE events ON CLUSTER 'prod' ADD COLUMN IF NOT EXISTS a UInt8",
            ],
        ),
        (
            "ALTER TABLE events DELETE WHERE site = {s:String} SETTINGS mutations_sync = 2",
            ["ALTER TABLE events_local ON CLUSTER 'prod' DELETE WHERE site = {s:String} SETTINGS mutations_sync = 2"],
        ),
        (
            "ALTER TABLE events UPDATE a = 1 WHERE site = {s:String}",
            ["ALTER TABLE events_local ON CLUSTER 'prod' UPDATE a = 1 WHERE site = {s:String}"],
        ),
        (
            "INSERT INTO netiv_scratch_a.visits SELECT a IN (SELECT b FROM c) FROM events",
            ["INSERT INTO netiv_scratch_a.visits SELECT a GLOBAL IN (SELECT b FROM c) FROM events"],
        ),
        (
            "CREATE OR REPLACE VIEW v AS SELECT 1 FROM a LEFT JOIN b USING c",
            ["CREATE OR REPLACE VIEW v ON CLUSTER 'prod' AS SELECT 1 FROM a GLOBAL LEFT JOIN b USING c"],
        ),
        ("TRUNCATE TABLE referrer_hosts", ["TRUNCATE TABLE referrer_hosts_local ON CLUSTER 'prod' SYNC"]),
        (
            "CREATE TABLE netiv_next.sessions AS sessions",
            [
                "CREATE TABLE netiv_next.sessions_local ON CLUSTER 'prod' AS sessions_local",
                (
                    "CREATE TABLE netiv_next.sessions ON CLUSTER 'prod' AS netiv_next.sessions_local\n"
                    "ENGINE = Distributed('prod', 'netiv_next', 'sessions_local', cityHash64(site, subject))"
                ),
            ],
        ),
        (
            "EXCHANGE TABLES sessions AND netiv_next.sessions",
            ["EXCHANGE TABLES sessions_local AND netiv_next.sessions_local ON CLUSTER 'prod'"],
        ),
        ("CREATE DATABASE netiv_next", ["CREATE DATABASE netiv_next ON CLUSTER 'prod'"]),
        ("DROP DATABASE IF EXISTS netiv_next", ["DROP DATABASE IF EXISTS netiv_next ON CLUSTER 'prod' SYNC"]),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", ["CREATE OR REPLACE VIEW v ON CLUSTER 'prod' AS SELECT 1"]),
        ("TRUNCATE TABLE netiv_scratch_a.visits", ["TRUNCATE TABLE netiv_scratch_a.visits"]),
        ("CREATE DATABASE IF NOT EXISTS netiv_scratch_a", ["CREATE DATABASE IF NOT EXISTS netiv_scratch_a"]),
    ],
)
def test_statements(given: str, expected: list[str]) -> None:
    assert CLUSTER.statements(given) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE IF NOT EXISTS unheard_of (a UInt8) ENGINE = MergeTree ORDER BY a",
        "DROP TABLE events",
        "RENAME TABLE a TO b",
    ],
)
def test_what_nobody_thought_of_is_an_error(sql: str) -> None:
    with pytest.raises(WarehouseError):
        CLUSTER.statements(sql)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a IN (SELECT 1)", "a GLOBAL IN (SELECT 1)"),
        ("(a, b) NOT IN\n(\n    SELECT 1\n)", "(a, b) GLOBAL NOT IN\n(\n    SELECT 1\n)"),
        ("NOT a IN (WITH 1 AS b SELECT b)", "NOT a GLOBAL IN (WITH 1 AS b SELECT b)"),
        (
            "a IN (SELECT b FROM c WHERE b IN (SELECT 1 UNION ALL SELECT 2))",
            "a GLOBAL IN (SELECT b FROM c WHERE b GLOBAL IN (SELECT 1 UNION ALL SELECT 2))",
        ),
        ("a LEFT ANY JOIN b", "a GLOBAL LEFT ANY JOIN b"),
        ("a ASOF LEFT JOIN b", "a GLOBAL ASOF LEFT JOIN b"),
        ("a FULL OUTER JOIN b INNER JOIN c", "a GLOBAL FULL OUTER JOIN b GLOBAL INNER JOIN c"),
    ],
)
def test_the_other_side_is_asked_once(given: str, expected: str) -> None:
    assert asked_once(given) == expected
    assert asked_once(expected) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "a IN (1, 2)",
        "a IN {names:Array(String)}",
        "a IN arrayZip(b, c)",
        "LEFT ARRAY JOIN a",
        "a ARRAY JOIN b",
        "a CROSS JOIN b",
        "'a IN (SELECT 1) \\' JOIN'",
        "-- it's not a JOIN\n1",
        "arrayJoin(a)",
    ],
)
def test_what_has_no_other_side_stays(sql: str) -> None:
    assert asked_once(sql) == sql


def test_a_question_about_running_statements_goes_to_all_servers() -> None:
    asked = CLUSTER.question("SELECT count() FROM system.processes WHERE 1")
    assert asked == "SELECT count() FROM clusterAllReplicas('prod', system.processes) WHERE 1"


def test_every_table_of_the_migrations_is_sharded_by_a_column_it_has() -> None:
    text = "\n".join(statement for file in read_files(FOLDER / "tables") for statement in file.statements)
    made = dict(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)\n\((.*?)\n\)", text, re.DOTALL))
    assert made.keys() | {"schema_migrations"} == SHARDING.keys()
    for table, body in made.items():
        columns = set(re.findall(r"^    (\w+) ", body, re.MULTILINE))
        assert set(re.findall(r"[a-z_]+", SHARDING[table].replace("cityHash64", ""))) <= columns, table


class Engine:
    """The real engine under a clustered warehouse: runs what was meant for one server, parses what a cluster would get."""

    database = "netiv"

    def __init__(self, inner: EmbeddedWarehouse) -> None:
        self.inner = inner
        self.cluster = Cluster("prod", "netiv")
        self.parsed: list[str] = []

    async def command(self, sql: str, parameters: Any = None) -> None:
        for statement in self.cluster.statements(sql):
            if "ON CLUSTER" in statement:
                assert await self.inner.rows(f"EXPLAIN AST {statement}", parameters)
                self.parsed.append(statement)
        await self.inner.command(sql, parameters)

    async def rows(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """What an erasure looks for is always there, so that each of its mutations is sent."""
        return await self.inner.rows(sql, parameters) or [(1,)] * sql.startswith("SELECT 1 FROM ")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.fixture
def engine(warehouse: EmbeddedWarehouse) -> Engine:
    return Engine(warehouse)


async def test_everything_the_consumers_do_has_a_form_that_the_engine_parses(engine: Engine) -> None:
    rules = load()
    await prepare_tables(engine, rules)
    refresher = Refresher(engine, rules, "netiv_scratch_a", "netiv", lambda: time.time_ns() // 1_000)
    await refresher.prepare()
    await refresher.mark([("s", f"v{random.Random(1).randrange(9)}", 0)])
    await refresher.refresh(refresher.turn())
    await rebuild(engine, rules, lambda: time.time_ns() // 1_000)
    performer = Performer(engine, refresher, lambda: time.time_ns() // 1_000)
    await performer.perform(Unlink("s", ("user_id", "u")))
    await performer.perform(Erase("s", "user_id:u"))
    tables = {match[1] for sql in engine.parsed if (match := re.match(r"CREATE TABLE IF NOT EXISTS (\w+)_local ", sql))}
    assert tables == SHARDING.keys()
    assert sum("VIEW" in sql for sql in engine.parsed) > 30
    for begin in (
        "EXCHANGE TABLES",
        "ALTER TABLE events_local ON CLUSTER 'prod' UPDATE",
        "KILL MUTATION ON CLUSTER 'prod' WHERE",
    ):
        assert any(sql.startswith(begin) for sql in engine.parsed), begin


class Recorder:
    """A warehouse that only writes down what it is asked."""

    database = "netiv"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def command(self, sql: str, _: Any = None) -> None:
        self.asked.append(sql)

    async def rows(self, sql: str, _: Any = None) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        return []

    async def stream(self, sql: str, *_: Any) -> AsyncIterator[bytes]:
        self.asked.append(sql)
        yield b""


async def test_the_clustered_warehouse_sends_the_transformed_statements() -> None:
    inner = Recorder()
    clustered = ClusteredWarehouse(inner, "prod")
    await clustered.command("TRUNCATE TABLE channel_rules")
    await clustered.rows("SELECT 1 FROM system.processes")
    await clustered.command("INSERT INTO a SELECT 1 FROM b INNER JOIN c USING d")
    assert [block async for block in clustered.stream("SELECT 1 FROM a WHERE b IN (SELECT 1)")] == [b""]
    assert inner.asked == [
        "TRUNCATE TABLE channel_rules_local ON CLUSTER 'prod' SYNC",
        "SELECT 1 FROM clusterAllReplicas('prod', system.processes)",
        "INSERT INTO a SELECT 1 FROM b GLOBAL INNER JOIN c USING d",
        "SELECT 1 FROM a WHERE b GLOBAL IN (SELECT 1)",
    ]
