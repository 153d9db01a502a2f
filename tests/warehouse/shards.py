"""Two shards within one embedded engine, for what a cluster's statements mean once rows are divided.

Both shards of the cluster `prod` are this engine, so every `NAME_local` holds the rows of both; a row policy shows each shard
only those that the sharding key gives it. On another server a consumer's working tables do not exist, so here a policy
throws when one is read on a shard. What takes a server is left out: ON CLUSTER (the engine has no queue of DDL) and Replicated
(it has no address for other replicas, so such a table stays read-only); `test_cluster_keeper.py` has what of that can run.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from consumers.refresh.sql import read
from consumers.warehouse.cluster import KEEPER_PATH, SETTINGS, SHARDING
from consumers.warehouse.clustered import ClusteredWarehouse
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.embedded import EmbeddedWarehouse
from consumers.warehouse.engine_files import EngineLimits
from consumers.warehouse.passing import PassingWarehouse

DATABASES = ("netiv", "netiv_next")
# Two names of this machine: the port makes the engine take both for itself, nothing listens there.
HOSTS = ("127.0.0.1", "localhost")
SCRATCHES = ("netiv_scratch_a", "netiv_next_scratch")
ATTEMPTS = 200
IN_THE_TEST = {
    # Nothing listens: what runs on a shard runs in this process.
    "prefer_localhost_replica": "1",
    # Two shards never replace each other's rows; a policy that came after FINAL would have let them.
    "apply_row_policy_after_final": "0",
}


class Sharded(EmbeddedWarehouse):
    """The engine with a cluster in its configuration and the settings that a server is sent with every statement."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "netiv", EngineLimits())
        shards = "".join(f"<shard><replica><host>{host}</host><port>9000</port></replica></shard>" for host in HOSTS)
        put(
            self._config,
            "</clickhouse>",
            f"<tcp_port>9000</tcp_port><remote_servers><prod>{shards}</prod></remote_servers>",
        )
        users = self._config.with_name("users.xml")
        put(
            users,
            "<constraints>",
            "".join(f"<{name}>{value}</{name}>" for name, value in {**SETTINGS, **IN_THE_TEST}.items()),
        )
        put(users, "</default></users>", "<databases>" + "".join(_policies()) + "</databases>")


class OneServer(PassingWarehouse):
    """Runs the statements of a cluster without what only several servers have."""

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        await super().command(without_servers(sql), parameters)


def without_servers(sql: str) -> str:
    """Without ON CLUSTER and replication."""
    plain = re.sub(r"Replicated(\w*MergeTree)\(" + re.escape(KEEPER_PATH) + r"(?:, )?([^)]*)\)", r"\1(\2)", sql)
    return plain.replace(" ON CLUSTER 'prod'", "")


def put(file: Path, before: str, text: str) -> None:
    """Put `text` into a configuration file."""
    whole = file.read_text("utf-8")
    assert whole.count(before) == 1
    file.write_text(whole.replace(before, text + before), "utf-8")


def _policies() -> Iterator[str]:
    for database in DATABASES:
        yield f"<{database}>"
        for table, key in SHARDING.items():
            yield _policy(f"{table}_local", f"({key}) % {len(HOSTS)} = toInt64(shardNum()) - 1")
        yield f"</{database}>"
    working = re.findall(r"CREATE TABLE IF NOT EXISTS \{\{scratch\}\}\.(\w+)", read("scratch.sql"))
    for database in SCRATCHES:
        yield f"<{database}>"
        for table in (*working, *(f"loading_{number}" for number in range(1, ATTEMPTS))):
            yield _policy(table, f"throwIf(shardNum() > 0, 'A shard does not have {table}') = 0")
        yield f"</{database}>"


def _policy(table: str, condition: str) -> str:
    return f"<{table}><filter>{escape(condition)}</filter></{table}>"


@asynccontextmanager
async def open_sharded(folder: Path) -> AsyncIterator[tuple[ClusteredWarehouse, Warehouse]]:
    """The clustered warehouse on such an engine; and the engine as readers have it, whose statements go as they are."""
    engine = Sharded(folder)
    await engine.start()
    try:
        yield ClusteredWarehouse(OneServer(engine), "prod"), engine
    finally:
        await engine.close()
