"""`netiv unlink`, `erase`, `export-person`, `report person` against a running stack, and `unlink` on a stopped one."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from netiv.http import Client
from tests.simulation.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


def send(stack: Stack, keys: dict[str, Any], *events: dict[str, Any]) -> None:
    client = Client(stack.url)
    for event in events:
        headers = {"content-type": "application/json", "authorization": f"Bearer {keys['secret_key']}"}
        answer = client.request("POST", "/v1/events", json.dumps(event).encode(), headers)
        assert answer.status in (200, 202), answer.body
    client.close()
    stack.wait_derived()


def test_a_person_explained_unlinked_and_erased(stack: Stack) -> None:
    where = ("--site", "shop", "--clickhouse-url", stack.welcome["clickhouse"])
    keys = json.loads(stack.netiv("sites", "add", "shop", "--json").stdout)
    send(
        stack, keys,
        {"type": "page", "event_id": "a", "visitor_id": "laptop", "context": {"url": "https://shop.example/"}},
        {"type": "identify", "event_id": "b", "visitor_id": "laptop", "user_id": "dana-x", "email": "dana-x@example.com"},
        {"type": "identify", "event_id": "c", "visitor_id": "phone", "user_id": "yoav"},
    )  # fmt: skip
    told = json.loads(stack.netiv("report", "person", "user_id:dana-x", *where, "--json").stdout)
    assert {one["id_type"] for one in told["identifiers"]} == {"user_id", "visitor_id", "email"}
    assert {link["event_id"] for link in told["links"]} == {"b"}
    assert told["timeline"]
    document = json.loads(stack.netiv("export-person", "email:dana-x@example.com", *where, check=False).stdout or "{}")
    assert not document, "the address is the account's, not a person of its own"
    document = json.loads(stack.netiv("export-person", "user_id:dana-x", *where).stdout)
    assert [event["event_id"] for event in document["events"]] == ["a", "b"]

    control = stack.folder / "data" / "control"
    assert stat.S_IMODE(control.stat().st_mode) == 0o600
    undone = stack.netiv("unlink", "visitor_id:laptop", "user_id:dana-x", "--site", "shop", "--json")
    assert json.loads(undone.stdout) == {"count": 1}
    told = json.loads(stack.netiv("report", "person", "user_id:dana-x", *where, "--json").stdout)
    assert ("visitor_id", "laptop") not in {
        (one["id_type"], one["id_value"]) for one in told["ownership"] if one["id_type"] == "user_id"
    }

    # a misspelled site, nobody at all, somebody else's identifier: each is said, and no report of success
    for command in (("erase", "user_id:dana-x", "--yes"), ("unlink", "user_id:dana-x")):
        done = stack.netiv(*command, "--site", "shp", check=False)
        assert done.returncode == 1
        assert "There is no site shp." in done.stderr
        assert "netiv sites list" in done.stderr
    for report in (("paths",), ("stages",), ("bad",), ("attribution", "--model", "linear")):
        of_none = ("--site", "shp", "--clickhouse-url", stack.welcome["clickhouse"], "--json")
        done = stack.netiv("report", *report, *of_none, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert "There is no site shp." in done.stderr
    nobody = stack.netiv("erase", "user_id:nobody", "--site", "shop", "--yes")
    assert "Nobody is known by user_id:nobody at site shop; nothing to erase." in nobody.stdout
    unknown = stack.netiv("report", "person", "user_id:nobody", *where, check=False)
    assert "netiv sites list" in unknown.stderr
    others = stack.netiv("erase", "email:dana-x@example.com", "--site", "shop", "--yes", check=False)
    assert others.returncode == 1
    assert "It belongs, or belonged, to user_id:dana-x." in others.stderr

    # a site that the sites file lacks, with events in the tables, is a site
    file = stack.folder / "data" / "sites.json"
    listed = file.read_bytes()
    file.write_bytes(b'{"sites":[]}')
    assert json.loads(
        stack.netiv("unlink", "user_id:yoav", "visitor_id:nothing", "--site", "shop", "--json").stdout
    ) == {"count": 0}
    assert stack.netiv("report", "paths", *where).returncode == 0
    file.write_bytes(listed)
    erased = stack.netiv("erase", "user_id:dana-x", "--site", "shop", "--yes", "--json")
    assert json.loads(erased.stdout)["count"] >= 1
    assert stack.netiv("export-person", "user_id:dana-x", *where, check=False).returncode == 1
    assert stack.netiv("export-person", "user_id:yoav", *where).returncode == 0
