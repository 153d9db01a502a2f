"""Where a stack is found: whatever address it listens on, and below whatever prefix, by itself and by commands."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from simulation.stack import Stack, run

from netiv.configuration import collector_url, stack_origin, stack_url, variables_for_others
from schemas.settings import Settings

HERE = "http://127.0.0.1:8080"


def test_a_stack_of_one_address_and_below_a_prefix_is_found(tmp_path: Path) -> None:
    (tmp_path / "netiv.toml").write_text('host = "127.0.0.2"\npath_prefix = "/nv"\n', encoding="utf-8")
    with Stack(tmp_path) as stack:
        assert stack.url.startswith("http://127.0.0.2:")
        assert stack.url.endswith("/nv")
        ports = {
            "NETIV_PORT": str(urlsplit(stack.url).port),
            "NETIV_CLICKHOUSE_PORT": str(urlsplit(stack.welcome["clickhouse"]).port),
        }
        assert run(tmp_path, "wait", "--timeout", "60s", **ports).returncode == 0
        findings = json.loads(run(tmp_path, "doctor", "--json", **ports).stdout)
        assert [finding for finding in findings if finding["state"] != "ok"] == []
        told = json.loads(stack.netiv("links", "add", "https://shop.example/", "--site", "default", "--json").stdout)
        assert told["address"] == f"{stack.url}/r/{told['name']}"


@pytest.mark.parametrize(
    ("given", "prefix", "origin"),
    [
        ("", "", HERE),
        ("", "/nv", HERE),
        ("https://c.example/", "", "https://c.example"),
        ("https://c.example", "/nv", "https://c.example"),
        ("https://c.example/nv/", "/nv", "https://c.example"),
        ("https://c.example/behind", "", "https://c.example/behind"),
    ],
)
def test_the_prefix_stands_once_behind_the_address(given: str, prefix: str, origin: str) -> None:
    settings = Settings(url=given, path_prefix=prefix)
    assert stack_origin(settings) == origin
    assert stack_url(settings) == origin + prefix
    assert collector_url(settings) == HERE + prefix


@pytest.mark.parametrize(
    ("host", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.0.0.5", "10.0.0.5")],
)
def test_the_warehouse_is_asked_where_it_listens(host: str, reached: str) -> None:
    assert Settings(host=host).warehouse_url == f"http://{reached}:8123"
    assert Settings(host=host, clickhouse="https://ch.example:8443/").warehouse_url == "https://ch.example:8443"


@pytest.mark.parametrize(
    ("host", "told"),
    [("127.0.0.1", ""), ("0.0.0.0", ""), ("127.0.0.2", "NETIV_HOST=127.0.0.2"), ("::1", "NETIV_HOST=::1")],
)
def test_other_terminals_are_told_the_address(host: str, told: str) -> None:
    assert variables_for_others(Settings(host=host)) == told


@pytest.mark.parametrize("prefix", ["nv", "/nv/", "/a b", "/nv?"])
def test_what_is_no_prefix_is_refused(tmp_path: Path, prefix: str) -> None:
    done = run(tmp_path, "doctor", NETIV_PATH_PREFIX=prefix)
    assert done.returncode == 1
    assert "path_prefix" in done.stdout
