"""Every capture, byte for byte, against a real collector: the answer its client takes for success, and its events in the log."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any

import pytest
from collector_server import Reply, Running

from collector.dialects.catalogue import find
from schemas.record import Accepted, Bad
from tests.dialects.captured import Capture, captures, examples, messages
from tests.dialects.conftest import SECRET

ORIGIN = "https://page.example"
_OWN = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}


def send(collector: Running, capture: Capture) -> Reply:
    headers = {name: value for name, value in capture.headers.items() if name.lower() not in _OWN}
    return collector.ask(capture.method, capture.address, capture.wire if capture.method == "POST" else None, headers)


def test_the_captures_replayed_byte_for_byte(collector: Running) -> None:
    expected: Counter[str] = Counter()
    for capture in [*messages(), *examples()]:
        reply = send(collector, capture)
        assert reply.status in (200, 204), (str(capture), reply)
        dialect = find(capture.path)
        assert dialect is not None
        expected[dialect.name] += len(dialect.decode(capture.request).items)
        if capture.headers.get("Origin"):
            assert reply.headers["access-control-allow-origin"] == capture.headers["Origin"]
            assert reply.headers["access-control-allow-credentials"] == "true"
    records = collector.records()
    assert [record for record in records if isinstance(record, Bad)] == []
    # Retries of one capture are the same event; whichever the collector remembers is not stored again.
    stored = Counter(record.dialect for record in records)
    assert set(stored) == set(expected)
    for name, count in stored.items():
        assert 0 < count <= expected[name]
    assert {record.site for record in records} == {"shop"}


def test_preflights_and_settings_of_the_captures(collector: Running) -> None:
    for capture in captures():
        if capture.method == "OPTIONS":
            reply = send(collector, capture)
            assert reply.status == 204
            assert reply.headers["access-control-allow-headers"] == capture.headers["Access-Control-Request-Headers"]
            assert reply.headers["access-control-allow-origin"] == capture.headers["Origin"]
            assert reply.headers["access-control-max-age"] == "86400"
        elif capture.path.endswith("/settings"):
            assert "Segment.io" in send(collector, capture).json["integrations"]


def test_retries_are_one_event(collector: Running) -> None:
    capture = next(one for one in messages() if one.client == "mautic-browser")
    pixel = Capture(
        "mautic-browser", "retry", "GET", "/mtracking.gif", capture.request.body.decode(), capture.headers, b""
    )
    assert send(collector, capture).status == 200
    assert send(collector, pixel).body[:6] == b"GIF89a"
    ids = [record.event_id for record in collector.records() if isinstance(record, Accepted)]
    assert len(set(ids)) == 1


def basic(key: str) -> dict[str, str]:
    import base64

    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def track(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Seen", "anonymousId": "anon-1", "messageId": f"m-{number}", **more}


def test_one_bad_event_does_not_reject_the_others(collector: Running) -> None:
    batch = [
        track(1),
        {"type": "dance", "anonymousId": "a"},
        track(2, timestamp="yesterday"),
        track(3, userId={"a": 1}),
        7,
        track(4),
    ]
    reply = collector.ask("POST", "/v1/batch", json.dumps({"batch": batch}).encode(), basic("WRITE_KEY"))
    assert (reply.status, reply.json) == (200, {"success": True})
    records = collector.records()
    assert [record.event_id for record in records if isinstance(record, Accepted)] == ["m-1", "m-4"]
    bad = [record for record in records if isinstance(record, Bad)]
    assert sorted((record.code, record.pointer) for record in bad) == [
        ("invalid_time", "/created_at"), ("not_an_object", ""), ("unknown_type", "/type"), ("wrong_type", "/user_id"),
    ]  # fmt: skip


def test_bad_utf8_in_one_event_does_not_reject_the_others(collector: Running) -> None:
    body = b'{"batch":[%s,{"type":"track","event":"\xff\xfe","anonymousId":"a"},%s]}' % (
        json.dumps(track(1)).encode(), json.dumps(track(2)).encode(),
    )  # fmt: skip
    assert collector.ask("POST", "/v1/batch", body, basic("WRITE_KEY")).status == 200
    records = collector.records()
    assert [record.event_id for record in records if isinstance(record, Accepted)] == ["m-1", "m-2"]
    assert [record.code for record in records if isinstance(record, Bad)] == ["invalid_utf8"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/batch", b'{"batch": [', "invalid_json"),
        ("/v1/track", b"hello", "invalid_json"),
        ("/v1/track", b"\x1f\x8bnot gzip", "invalid_gzip"),
        ("/com.snowplowanalytics.snowplow/tp2", b'{"schema":"x","data":[{"e":"pv","aid":"shop"', "invalid_json"),
        ("/batch/", b'{"api_key":"WRITE_KEY","batch":[', "invalid_json"),
        ("/api/send", b'{"payload":{"website":"978435e2-7ba1-4337-9860-ec31ece2db60"},', "invalid_json"),
    ],
)
def test_what_nobody_can_read_is_kept_and_refused_for_good(
    collector: Running, path: str, body: bytes, code: str
) -> None:
    headers = basic("WRITE_KEY") if path.startswith("/v1") else {}
    reply = collector.ask("POST", path, body, {**headers, "origin": ORIGIN})
    assert reply.status == 400
    assert {"code", "message"} <= set(reply.json)
    assert reply.json["code"] == 400
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    (record,) = collector.records()
    assert isinstance(record, Bad)
    assert (record.code, record.site) == (code, "shop")


def test_keys_are_not_kept_in_bad_payloads(collector: Running) -> None:
    body = b'{"api_key":"WRITE_KEY","batch":[{"event":"x","properties":{"token":"%s"}' % SECRET.encode()
    collector.ask("POST", "/batch/", body)
    (record,) = collector.records()
    assert isinstance(record, Bad)
    assert SECRET.encode() not in record.payload
    assert b"WRITE_KEY" not in record.payload


@pytest.mark.parametrize(("path", "status"), [("/v1/track", 413), ("/com.snowplowanalytics.snowplow/tp2", 400)])
def test_a_body_that_is_too_large_ends_the_retries(collector: Running, path: str, status: int) -> None:
    bomb = gzip.compress(b"[" + b" " * (7 * 1024 * 1024))
    reply = collector.ask("POST", path, bomb, {**basic("WRITE_KEY"), "origin": ORIGIN})
    assert reply.status == status
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert {"code", "message"} <= set(reply.json)


@pytest.mark.parametrize(("path", "status"), [("/v1/track", 413), ("/com.snowplowanalytics.snowplow/tp2", 400)])
def test_a_large_body_is_refused_so_that_its_sender_reads_it(collector: Running, path: str, status: int) -> None:
    reply = collector.ask("POST", path, b" " * (7 * 1024 * 1024), basic("WRITE_KEY"))
    assert reply.status == status


def test_an_unknown_key_is_final_and_readable(collector: Running) -> None:
    reply = collector.ask("POST", "/v1/track", json.dumps(track(1)).encode(), {**basic("nobody"), "origin": ORIGIN})
    assert reply.status == 401
    assert reply.json["code"] == 401
    assert reply.headers["access-control-allow-origin"] == ORIGIN


def test_an_origin_that_a_site_does_not_list_is_refused_readably(collector: Running) -> None:
    body = json.dumps(track(1)).encode()
    reply = collector.ask("POST", "/v1/track", body, {**basic("wk_strict"), "origin": ORIGIN})
    assert reply.status == 403
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert (
        collector.ask("POST", "/v1/track", body, {**basic("wk_strict"), "origin": "https://shop.example"}).status == 200
    )


def test_the_secret_key_makes_a_server_of_the_sender(collector: Running) -> None:
    context = {"ip": "203.0.113.77", "userAgent": "Mozilla/5.0 (iPhone)"}
    for number, key in enumerate((SECRET, "WRITE_KEY")):
        message = track(number, context=context)
        collector.ask("POST", "/v1/track", json.dumps(message).encode(), {**basic(key), "user-agent": "python"})
    server, relay = collector.records()
    assert isinstance(server, Accepted)
    assert isinstance(relay, Accepted)
    assert (server.secret, server.ip, server.user_agent) == (True, "203.0.113.0", "Mozilla/5.0 (iPhone)")
    # with the write key the address is not believed, nor is the relaying server's own taken for the visitor's
    assert (relay.secret, relay.ip, relay.user_agent) == (False, "", "Mozilla/5.0 (iPhone)")
    assert b"203.0.113" not in relay.event


def test_ga4_debug_judges_and_stores_nothing(collector: Running) -> None:
    body = json.dumps({"client_id": "1.2", "timestamp_micros": 1, "events": [{"name": "x", "params": {}}]}).encode()
    path = "/debug/mp/collect?measurement_id=G-TEST1234&api_secret=x"
    assert collector.ask("POST", path, body).json == {"validationMessages": []}
    messages = collector.ask("POST", path, b'{"client_id":{"a":1},"events":[{"name":"x"}]}').json["validationMessages"]
    assert [one["validationCode"] for one in messages] == ["WRONG_TYPE"]
    assert collector.records() == []


def test_an_event_goes_to_the_site_it_names(collector: Running) -> None:
    bulk = {
        "requests": [
            "?idsite=7&_id=a1&url=https%3A%2F%2Fa.example%2F",
            "?idsite=9&_id=a2&url=https%3A%2F%2Fb.example%2F",
            "?idsite=5&_id=a3",
        ]
    }
    reply = collector.ask("POST", "/matomo.php", json.dumps(bulk).encode())
    assert reply.json == {"status": "success", "tracked": 2, "invalid": 1}
    assert [(type(record).__name__, record.site) for record in collector.records()] == [
        ("Accepted", "shop"), ("Accepted", "second"), ("Bad", "shop"),
    ]  # fmt: skip


def test_clients_without_an_id_get_one_for_the_day(collector: Running) -> None:
    def view(agent: str, page: str) -> None:
        body = json.dumps(
            {"n": "pageview", "u": f"https://shop.example.co.il/{page}", "d": "shop.example.co.il"}
        ).encode()
        assert collector.ask("POST", "/api/event", body, {"user-agent": agent, "origin": ORIGIN}).status == 200

    view("Mozilla/5.0 a", "1")
    view("Mozilla/5.0 a", "2")
    view("Mozilla/5.0 b", "1")
    first, second, third = (record.visitor_id for record in collector.records())
    assert first == second != third


def test_mautic_is_answered_with_its_visitor(collector: Running) -> None:
    capture = next(one for one in messages() if one.client == "mautic-browser" and one.scenario == "basic")
    reply = send(collector, capture)
    (record,) = collector.records()
    assert record.visitor_id
    assert reply.json["device_id"] == record.visitor_id
    again = capture.wire + b"&mautic_device_id=" + record.visitor_id.encode() + b"&email=dana%40example.co.il"
    send(collector, Capture("", "", "POST", "/mtc/event", "", capture.headers, again))
    assert [one.visitor_id for one in collector.records()] == [record.visitor_id] * 2


def test_snowplow_anonymous_keeps_no_address(collector: Running) -> None:
    body = json.dumps(
        {"schema": "x", "data": [{"e": "pv", "aid": "shop", "url": "https://shop.example/", "eid": "e1"}]}
    ).encode()
    headers = {"sp-anonymous": "*", "user-agent": "Mozilla/5.0", "cookie": "nv_id=abcdefgh12345678"}
    reply = collector.ask("POST", "/com.snowplowanalytics.snowplow/tp2", body, headers)
    assert "set-cookie" not in reply.headers
    (record,) = collector.records()
    assert isinstance(record, Accepted)
    assert record.ip == ""
    assert record.visitor_id != "abcdefgh12345678"


def test_stubs(collector: Running) -> None:
    source = collector.get("/sourceConfig/?p=npm&writeKey=KEY").json["source"]
    assert (source["writeKey"], source["enabled"], source["destinations"]) == ("KEY", True, [])
    assert collector.get("/array/phc_KEY/config").json["autocapture_opt_out"] is True
    assert collector.ask("POST", "/flags/?v=2", b"{}").json["featureFlags"] == {}
    assert collector.get("/array/phc_KEY/config.js").status == 404
    assert collector.get("/mtc").status == 200
    assert collector.ask("PUT", "/v1/track").status == 405


def test_segment_pixel(collector: Running) -> None:
    import base64

    data = base64.urlsafe_b64encode(
        json.dumps({"writeKey": "WRITE_KEY", "anonymousId": "a-1", "name": "Home"}).encode()
    ).decode()
    reply = collector.get(f"/v1/pixel/page?data={data.rstrip('=')}")
    assert (reply.status, reply.body[:6]) == (200, b"GIF89a")
    (record,) = collector.records()
    assert record.visitor_id == "a-1"
