"""`netiv up` whose tables are a ClickHouse server's: its consumers have them to themselves, and commands ask them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.rules.files import SHIPPED, load, version_of
from netiv.dev.broker import free_ports
from netiv.http import Client
from tests.kafka import engine
from tests.kafka.processes import Process
from tests.simulation.stack import Stack, encode, run

RULES = "SELECT DISTINCT toString(rules_version) FROM sessions FINAL WHERE site = 'shop'"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    place = tmp_path_factory.mktemp("server")
    (port,) = free_ports(1)
    assert engine.__file__
    server = Process([engine.__file__, str(place / "tables"), str(port)], {}, place / "server.txt").start()
    variables = {
        "NETIV_CLICKHOUSE": f"http://127.0.0.1:{port}", "NETIV_CLICKHOUSE_USER": "owner", "NETIV_CLICKHOUSE_PASSWORD": "secret",
    }  # fmt: skip
    try:
        with Stack(tmp_path_factory.mktemp("stack"), **variables) as running:
            yield running
    finally:
        server.kill()


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return stack.add_site("shop")["secret_key"]


def rules(folder: Path, minutes: int) -> str:
    """A folder of rules under which sessions end after so many minutes."""
    text = (SHIPPED / "sessions.yaml").read_text("utf-8")
    (folder / "sessions.yaml").write_text(text.replace("gap_minutes: 30", f"gap_minutes: {minutes}"), "utf-8")
    return str(folder)


def send(stack: Stack, key: str, *visitors: str) -> None:
    events = [
        {"type": "page", "visitor_id": who, "user_id": f"u-{who}", "context": {"url": "https://shop.example/"}}
        for who in visitors
    ]
    client = Client(stack.url)
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    assert client.request("POST", "/v1/events", encode(events), headers).status == 202
    client.close()


def texts(stack: Stack, sql: str) -> list[str]:
    stack.wait_derived()
    warehouse = stack.warehouse()
    found = sorted(str(row[0]) for row in warehouse.query(sql).rows)
    warehouse.close()
    return found


def test_rules_that_are_published_hold_for_what_comes(stack: Stack, key: str, tmp_path: Path) -> None:
    send(stack, key, "v1", "v2")
    assert texts(stack, RULES) == [str(version_of(load()))]
    assert "re-derived" in stack.netiv("rules", "publish", rules(tmp_path, minutes=10)).stdout
    send(stack, key, "v1", "v3")
    assert texts(stack, RULES) == [str(version_of(load(tmp_path)))]


def test_rules_that_are_published_from_elsewhere_hold_too(stack: Stack, key: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    send(stack, key, "v1")
    stack.wait_derived()
    done = run(elsewhere, "rules", "publish", rules(tmp_path, minutes=20), **stack.variables)
    assert done.returncode == 0, done.stderr
    send(stack, key, "v1", "v7")
    assert texts(stack, RULES) == [str(version_of(load(tmp_path)))]


def test_a_rebuild_and_an_erasure_beside_the_stream(stack: Stack, key: str) -> None:
    send(stack, key, "v4", "v5")
    assert json.loads(stack.netiv("rebuild", "--json").stdout)["visitors"] > 0
    assert json.loads(stack.netiv("erase", "user_id:u-v4", "--site", "shop", "--yes", "--json").stdout)["count"] == 1
    send(stack, key, "v6")
    persons = texts(stack, "SELECT DISTINCT person_id FROM v_sessions WHERE site = 'shop'")
    assert "user_id:u-v4" not in persons
    assert {"user_id:u-v5", "user_id:u-v6"} <= set(persons)


def test_second_consumers_in_the_folder_are_refused_before_they_touch_the_tables(stack: Stack) -> None:
    refused = stack.netiv("consumers", check=False)
    assert refused.returncode == 1
    assert "in use by another `netiv consumers`" in refused.stderr
