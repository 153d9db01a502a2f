"""`netiv unlink`, `erase`, `export-person`, `report person` against a running stack, and `unlink` on a stopped one."""

from __future__ import annotations

import getpass
import json
import stat
from typing import Any

import pytest

from consumers.enrich.identifiers import hash_email
from netiv.http import Client
from netiv.person import export
from tests.simulation.stack import Stack


def send(stack: Stack, key: str, *events: dict[str, Any]) -> None:
    client = Client(stack.url)
    for event in events:
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        answer = client.request("POST", "/v1/events", json.dumps(event).encode(), headers)
        assert answer.status in (200, 202), answer.body
    client.close()
    stack.wait_derived()


def test_a_person_explained_unlinked_and_erased(stack: Stack) -> None:
    where = ("--site", "shop", "--clickhouse-url", stack.welcome["clickhouse"])
    keys = json.loads(stack.netiv("sites", "add", "shop", "--json").stdout)
    send(
        stack, keys["secret_key"],
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
    document = json.loads(stack.netiv("export-person", "user_id:dana-x", *where, "--json").stdout)
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


def told_of(stack: Stack, command: tuple[str, ...], person: str, site: str) -> dict[str, Any]:
    """The JSON of `report person` or `export-person`."""
    where = ("--site", site, "--clickhouse-url", stack.welcome["clickhouse"])
    return json.loads(stack.netiv(*command, person, *where).stdout)


REPORT, EXPORT = ("report", "person", "--json"), ("export-person",)


def test_links_say_whether_they_count(stack: Stack) -> None:
    keys = stack.add_site("links")
    crowd = [{"type": "identify", "event_id": f"k{n}", "visitor_id": "kiosk", "user_id": f"k{n}"} for n in range(10)]
    send(
        stack, keys["secret_key"], *crowd,
        {"type": "identify", "event_id": "a", "visitor_id": "lobby", "user_id": "wanda"},
        {"type": "identify", "event_id": "b", "visitor_id": "laptop", "user_id": "wanda", "identifiers": {"crm_id": "undefined"}},
        {"type": "identify", "event_id": "c", "visitor_id": "laptop", "user_id": "wanda", "identifiers": {"user_id": "other"}},
        {"type": "alias", "event_id": "d", "user_id": "wanda", "identifiers": {"user_id": "null"}},
        {"type": "alias", "event_id": "e", "user_id": "wanda", "identifiers": {"user_id": "wanda-old"}},
        {"type": "identify", "event_id": "f", "visitor_id": "kiosk", "user_id": "wanda"},
        {"type": "identify", "event_id": "h", "visitor_id": "laptop", "user_id": "wanda"},
        {"type": "identify", "event_id": "j", "visitor_id": "laptop", "user_id": "wanda"},
        {"type": "page", "event_id": "i", "user_id": "wanda", "identifiers": {"gclid": "g", "fbclid": "f"}},
    )  # fmt: skip
    send(stack, keys["write_key"], {"type": "alias", "event_id": "g", "user_id": "wanda", "identifiers": {"user_id": "stranger"}})  # fmt: skip
    # a client that numbers its events anew says two things under one id; what came first holds
    send(stack, keys["secret_key"], {"type": "identify", "event_id": "h", "visitor_id": "laptop", "email": "w@example.com"})  # fmt: skip
    for reason in ("the lobby's", "once more"):
        stack.netiv("unlink", "visitor_id:lobby", "user_id:wanda", "--site", "links", "--reason", reason)
    stack.netiv("unlink", "--event", "j", "--site", "links")
    found = told_of(stack, REPORT, "user_id:wanda", "links")
    standing = {
        (link["event_id"], link["id_value"], link["other_value"]): (link["standing"], link["reason"])
        for link in found["links"]
    }
    expected = {
        ("b", "laptop", "wanda"): "stands", ("c", "laptop", "wanda"): "stands", ("e", "wanda-old", "wanda"): "stands",
        ("i", "wanda", "g"): "stands", ("i", "wanda", "f"): "stands", ("i", "g", "f"): "same rank",
        ("b", "wanda", "undefined"): "blocked", ("b", "laptop", "undefined"): "blocked", ("d", "wanda", "null"): "blocked",
        ("c", "wanda", "other"): "mention only", ("c", "laptop", "other"): "mention only",
        ("f", "kiosk", "wanda"): "limit", ("g", "wanda", "stranger"): "alias",
        ("a", "lobby", "wanda"): "taken back", ("j", "laptop", "wanda"): "taken back",
        ("h", "laptop", "wanda"): "stands", ("h", "laptop", hash_email("w@example.com")): "repeated event",
    }  # fmt: skip
    assert {link: told for link, (told, _) in standing.items()} == expected
    assert {reason for _, reason in standing.values()} == {"", "the lobby's"}
    firsts = [link["standing"] == "stands" for link in found["links"]]
    assert firsts == sorted(firsts, reverse=True)
    assert all(bool(link["taken_back_by"]) == (link["standing"] == "taken back") for link in found["links"])
    refused = {(one["id_type"], one["id_value"], one["rule"]) for one in found["quarantine"]}
    assert refused == {
        ("crm_id", "undefined", "blocked"), ("user_id", "null", "blocked"), ("visitor_id", "kiosk", "limit"),
        ("user_id", "wanda", "alias"),
    }  # fmt: skip
    told = stack.netiv("report", "person", "visitor_id:lobby", "--site", "links", "--clickhouse-url", stack.welcome["clickhouse"])  # fmt: skip
    assert f"taken back by {getpass.getuser()}: the lobby's" in told.stdout


def test_an_export_has_all_that_an_erasure_removes(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    key = stack.add_site("access")["secret_key"]
    send(
        stack, key,
        {"type": "identify", "event_id": "a", "visitor_id": "home", "user_id": "dana-q", "email": "dana-q@example.com"},
        {"type": "identify", "event_id": "b", "visitor_id": "lobby-q", "user_id": "dana-q"},
        {"type": "identify", "event_id": "c", "visitor_id": "away", "user_id": "yoav-q"},
        {"type": "identify", "event_id": "d", "visitor_id": "home", "user_id": "dana-q", "identifiers": {"crm_id": "c-77"}},
    )  # fmt: skip
    theirs = [{"type": "nothing", "visitor_id": "home"}, {"type": "nothing", "email": "Dana-Q@example.com"}]
    send(stack, key, *theirs, {"type": "nothing", "user_id": "yoav-q"})
    site = ("--site", "access", "--reason")
    stack.netiv("unlink", "visitor_id:lobby-q", "user_id:dana-q", *site, "the lobby's")
    stack.netiv("unlink", "--event", "d", *site, "a typo")
    stack.netiv("unlink", "visitor_id:away", "user_id:yoav-q", *site, "not dana's")
    document = told_of(stack, EXPORT, "user_id:dana-q", "access")
    assert [json.loads(one["payload"]) for one in document["bad_events"]] == theirs
    assert [(one["reason"], one["event_id"], one["by"]) for one in document["retractions"]] == [
        ("the lobby's", "", getpass.getuser()), ("a typo", "d", getpass.getuser()),
    ]  # fmt: skip
    assert {event["event_id"]: event["identifiers"] for event in document["events"]} == {
        "a": {"email": hash_email("dana-q@example.com")}, "d": {"crm_id": "c-77"},
    }  # fmt: skip
    monkeypatch.setattr("netiv.person._CHUNK", 1)
    warehouse = stack.warehouse()
    assert export(warehouse, "access", "user_id:dana-q", "IL")["bad_events"] == document["bad_events"]
    warehouse.close()
    assert (
        json.loads(stack.netiv("erase", "user_id:dana-q", "--site", "access", "--yes", "--json").stdout)["count"] == 2
    )
    left = (
        "SELECT (SELECT groupArray(payload) FROM bad_events WHERE site = 'access'), "
        "(SELECT count() FROM identity_retractions WHERE site = 'access')"
    )
    warehouse = stack.warehouse()
    [(payloads, retractions)] = warehouse.query(left).rows
    warehouse.close()
    assert ([json.loads(one)["user_id"] for one in payloads], int(retractions)) == (["yoav-q"], 1)


ODD = ["o'b\"r\\n", "line\nbreak", "tab\tstop", "return\rhere", "\\N", "דנה"]


@pytest.fixture(scope="module")
def odd(stack: Stack) -> str:
    """A site of people with such names."""
    key = stack.add_site("odd")["secret_key"]
    send(stack, key, *({"type": "page", "event_id": f"e{n}", "user_id": name} for n, name in enumerate(ODD)))
    return "odd"


@pytest.mark.parametrize("name", ODD, ids=repr)
def test_a_person_of_any_name(stack: Stack, odd: str, name: str) -> None:
    found = told_of(stack, EXPORT, f"user_id:{name}", odd)
    assert {event["user_id"] for event in found["events"]} == {name}
    assert told_of(stack, REPORT, f"user_id:{name}", odd)["identifiers"]
