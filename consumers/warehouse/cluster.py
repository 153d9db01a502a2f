"""Statements for one server → statements for a cluster, one by one: the numbered migrations stay the only definition.

Every table becomes two: `NAME_local`, replicated, on each shard; and `NAME`, Distributed over them. Pure: text to text.

Facts are sharded by their log partition, which is a hash of site and visitor: a visitor's facts are on one shard, and one
insert (one log partition) goes to one shard whole, so it stays all or nothing. Derived tables are sharded by
what a refresh asks for. What consumers agree on (claims, notes, rules) is one shard's, so that everybody sees one truth.
What a statement compares with or joins is sent to the shards: see `asked_once`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from consumers.warehouse.contract import WarehouseError

BY_VISITOR: Final = "log_part"
BY_SUBJECT: Final = "cityHash64(site, subject)"
BY_PERSON: Final = "cityHash64(site, person_id)"
BY_IDENTIFIER: Final = "cityHash64(site, id_type, id_value)"
ON_ONE: Final = "0"
SHARDING: Final = {
    "events": BY_VISITOR, "identity_links": BY_VISITOR, "bad_events": BY_VISITOR, "bad_events_mended": BY_VISITOR, "event_duplicates": BY_VISITOR,
    "ad_costs": "cityHash64(site, cost_id)",
    "sessions": BY_SUBJECT, "touchpoints": BY_SUBJECT, "conversion_events": "cityHash64(site, conversion_id)", "stage_events": BY_SUBJECT,
    "conversions": BY_PERSON, "touch_sessions": BY_PERSON, "conversion_paths": BY_PERSON, "open_paths": BY_PERSON, "person_subjects": BY_PERSON,
    "identities": BY_IDENTIFIER, "identity_owners": BY_IDENTIFIER, "identity_quarantine": BY_IDENTIFIER,
    "identity_retractions": ON_ONE, "erasures": ON_ONE, "refreshes": ON_ONE, "log_claims": ON_ONE, "erased": ON_ONE, "erasing": ON_ONE,
    "referrer_hosts": ON_ONE, "channel_rules": ON_ONE, "currency_rates": ON_ONE, "rule_versions": ON_ONE,
    "schema_migrations": ON_ONE, "set_aside": ON_ONE,
}  # fmt: skip
# {uuid} keeps the path right when tables are exchanged; {shard} and {replica} are macros of each server's configuration.
KEEPER_PATH: Final = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
SETTINGS: Final = {
    "prefer_global_in_and_join": "1",  # as `asked_once`, for what the engine itself makes of a statement
    "distributed_product_mode": "global",
    "distributed_foreground_insert": "1",  # an insert that returns is on its shard
    "load_balancing": "in_order",  # everybody reads and writes the same replica, as long as it lives
    "prefer_localhost_replica": "0",
}
"""Of every statement a consumer sends to a cluster."""

_NAME: Final = r"((?:\w+\.)?\w+)"
_PAIR: Final = r"(?:\w+\.)?\w+ AND (?:\w+\.)?\w+"
_DDL: Final = re.compile(r"\s*(CREATE|ALTER|DROP|TRUNCATE|EXCHANGE|RENAME|KILL)\b", re.IGNORECASE)
_ENGINE: Final = re.compile(r"\bENGINE\s*=\s*(\w*MergeTree)(\(([^)]*)\))?")
_SKIPPED: Final = r"--[^\n]*|'(?:[^'\\]|\\.)*'|\b(?:(?:LEFT\s+)?ARRAY|CROSS)\s+JOIN\b"
_OTHER_SIDE: Final = re.compile(
    rf"{_SKIPPED}|\b(?:GLOBAL\s+)?(?P<local>(?:NOT\s+)?IN(?=\s*\(\s*(?:SELECT|WITH)\b)"
    r"|(?:(?:INNER|LEFT|RIGHT|FULL|OUTER|ANY|ALL|SEMI|ANTI|ASOF)\s+)*JOIN\b)"
)


class Cluster:
    """The transformation for one cluster and database."""

    def __init__(self, name: str, database: str) -> None:
        if not re.fullmatch(r"\w+", name):
            raise WarehouseError(f"NETIV_CLUSTER must be the name of a cluster in remote_servers, not {name!r}")
        self._on = f"ON CLUSTER '{name}'"
        self._name = name
        self._database = database
        self._rules: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], list[str]]]] = [
            (_compiled(r"CREATE DATABASE (IF NOT EXISTS )?(\w+)$"), self._database_made),
            (
                _compiled(r"DROP DATABASE IF EXISTS (\w+)$"),
                lambda m: [f"DROP DATABASE IF EXISTS {m[1]} {self._on} SYNC"],
            ),
            (_compiled(rf"CREATE TABLE {_NAME} AS {_NAME}$"), self._copied),
            (_compiled(rf"CREATE TABLE IF NOT EXISTS {_NAME}(\s*\(.*)$"), self._made),
            (_compiled(rf"CREATE OR REPLACE VIEW {_NAME}(.*)$"), self._viewed),
            (
                _compiled(rf"ALTER TABLE {_NAME} ((?:DELETE|UPDATE)\b.*)$"),
                lambda m: [f"ALTER TABLE {self._local(m[1])} {self._on} {m[2]}"],
            ),
            (_compiled(rf"ALTER TABLE {_NAME} (ADD COLUMN\b.*)$"), self._altered),
            (_compiled(rf"TRUNCATE TABLE {_NAME}$"), lambda m: [f"TRUNCATE TABLE {self._local(m[1])} {self._on} SYNC"]),
            (_compiled(r"KILL MUTATION (WHERE\b.*)$"), lambda m: [f"KILL MUTATION {self._on} {m[1]}"]),
            (_compiled(rf"EXCHANGE TABLES ({_PAIR}(?:, {_PAIR})*)$"), self._exchanged),
        ]

    def statements(self, sql: str) -> list[str]:
        """What to run instead. Raises `WarehouseError` for DDL that nobody has said how to distribute."""
        sql = asked_once(sql)
        text = _without_leading_comments(sql)
        if not _DDL.match(text) or self._is_own_business(text):
            return [sql]
        for pattern, transformed in self._rules:
            found = pattern.match(text)
            if found:
                return transformed(found)
        raise WarehouseError(f"This statement has no form for a cluster: {text[:200]}")

    def question(self, sql: str) -> str:
        """A SELECT as a cluster is asked; of all its servers where it asks what runs."""
        return asked_once(sql).replace(
            "FROM system.processes", f"FROM clusterAllReplicas('{self._name}', system.processes)"
        )

    def _is_own_business(self, sql: str) -> bool:
        """Working tables of one consumer are on the server that it talks to, and nowhere else."""
        return "_scratch" in sql.partition("(")[0]

    def _local(self, table: str) -> str:
        database, _, name = table.rpartition(".")
        if name not in SHARDING:
            raise WarehouseError(f"Nobody has said how the table {name} is sharded: add it to SHARDING")
        return f"{database}.{name}_local" if database else f"{name}_local"

    def _distributed(self, table: str, verb: str) -> str:
        database, _, name = table.rpartition(".")
        engine = f"Distributed('{self._name}', '{database or self._database}', '{name}_local', {SHARDING[name]})"
        return f"{verb} {table} {self._on} AS {self._local(table)}\nENGINE = {engine}"

    def _database_made(self, found: re.Match[str]) -> list[str]:
        return [f"CREATE DATABASE {found[1] or ''}{found[2]} {self._on}"]

    def _made(self, found: re.Match[str]) -> list[str]:
        table, rest = found[1], found[2]
        engine = _ENGINE.search(rest)
        if engine is None:
            raise WarehouseError(f"The table {table} has no engine that can be replicated")
        arguments = f", {engine[3]}" if engine[3] else ""
        replicated = f"ENGINE = Replicated{engine[1]}({KEEPER_PATH}{arguments})"
        rest = rest[: engine.start()] + replicated + rest[engine.end() :]
        return [
            f"CREATE TABLE IF NOT EXISTS {self._local(table)} {self._on}{rest}",
            self._distributed(table, "CREATE TABLE IF NOT EXISTS"),
        ]

    def _copied(self, found: re.Match[str]) -> list[str]:
        return [
            f"CREATE TABLE {self._local(found[1])} {self._on} AS {self._local(found[2])}",
            self._distributed(found[1], "CREATE TABLE"),
        ]

    def _viewed(self, found: re.Match[str]) -> list[str]:
        return [f"CREATE OR REPLACE VIEW {found[1]} {self._on}{found[2]}"]

    def _altered(self, found: re.Match[str]) -> list[str]:
        return [f"ALTER TABLE {table} {self._on} {found[2]}" for table in (self._local(found[1]), found[1])]

    def _exchanged(self, found: re.Match[str]) -> list[str]:
        pairs = (pair.split(" AND ") for pair in found[1].split(", "))
        exchanged = ", ".join(f"{self._local(one)} AND {self._local(other)}" for one, other in pairs)
        return [f"EXCHANGE TABLES {exchanged} {self._on}"]


def asked_once(sql: str) -> str:
    """Every IN (SELECT …) and JOIN as GLOBAL: the server that is asked computes the other side once and sends it to the shards.

    Working tables are on that server only. `prefer_global_in_and_join` is not enough: it leaves out an IN outside of WHERE, an IN
    of a UNION, and a join with a subquery; each shard would look for the working tables itself."""
    return _OTHER_SIDE.sub(lambda found: f"GLOBAL {found['local']}" if found["local"] else found[0], sql)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


def _without_leading_comments(sql: str) -> str:
    return re.sub(r"\A(?:\s*--[^\n]*\n)*\s*", "", sql).rstrip()
