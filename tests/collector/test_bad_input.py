"""Bad input of every kind: the promised answer, and nothing lost that an authenticated sender sent."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from collector_server import SECRET, WRITE, Running

from schemas.record import Accepted

GOOD = {"type": "page", "visitor_id": "v"}


def with_member(text: bytes) -> bytes:
    return b'{"type":"page","visitor_id":"v",' + text + b"}"


UNREADABLE = [
    (b"", "invalid_json"),
    (b"hello", "invalid_json"),
    (b'{"type":"page"', "invalid_json"),
    (b"[]", "not_an_object"),
    (b"7", "not_an_object"),
    (with_member(b'"a":NaN'), "invalid_number"),
    (with_member(b'"a":-Infinity'), "invalid_number"),
    (with_member(b'"properties":{"a":"\\ud800"}'), "invalid_string"),
    (with_member(b'"name":"\xff"'), "invalid_utf8"),
    (with_member(b'"unknown":"\xff"'), "invalid_utf8"),
    (with_member(b'"\xff":null,"context":[]'), "invalid_utf8"),
    (with_member(b'"\xff":null,"context":[],"write_key":""'), "invalid_utf8"),
    (with_member(b'"a":' + b"[" * 10_000 + b"]" * 10_000), "too_deep"),
    (with_member(b'"a":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000), "too_deep"),
    (b'{"events":[]}', "empty_batch"),
    (b'{"events":{}}', "wrong_type"),
    (b'{"events":[{"type":"page","visitor_id":"v"}],"sent_at":"soon"}', "invalid_time"),
]

REFUSED = [
    (b"{}", "missing_type", "/type"),
    (b'{"type":"nope","visitor_id":"v"}', "unknown_type", "/type"),
    (with_member(b'"context":{"url":3}'), "wrong_type", "/context/url"),
    (with_member(b'"identifiers":{"a/b":[]}'), "wrong_type", "/identifiers/a~1b"),
    (with_member(b'"order":{"items":[{},2]}'), "wrong_type", "/order/items/1"),
    (with_member(b'"order":{"value":1e400}'), "invalid_number", "/order/value"),
    (with_member(b'"order":{"value":1e14}'), "invalid_number", "/order/value"),
    (with_member(b'"unknown":1e400'), "invalid_number", "/unknown"),
    (with_member(b'"properties":{"x":1e400}'), "invalid_number", "/properties/x"),
    (with_member(b'"foo":{"bar":[1,{"a/b":1e400}]}'), "invalid_number", "/foo/bar/1/a~1b"),
    (with_member(b'"properties":{"x":1' + b"0" * 249 + b"e99}"), "invalid_number", "/properties/x"),
    (with_member(b'"properties":{"a":1' + b"0" * 400 + b"}"), "invalid_number", "/properties/a"),
    (with_member(b'"name":"a\\u0000b"'), "invalid_string", "/name"),
    (with_member(b'"unknown":"a\\u0000b"'), "invalid_string", "/unknown"),
    (with_member(b'"created_at":"yesterday"'), "invalid_time", "/created_at"),
    (with_member(b'"created_at":"2026-02-30T10:00:00.000Z"'), "invalid_time", "/created_at"),
    (with_member(b'"sent_at":"later"'), "invalid_time", "/sent_at"),
    (with_member(b'"user_id":"' + b"x" * 513 + b'"'), "identifier_too_long", "/user_id"),
    (with_member(b'"name":"' + b"x" * 8193 + b'"'), "string_too_long", "/name"),
    (with_member(b'"properties":' + b'{"a":' * 14 + b"{}" + b"}" * 14), None, None),
    (with_member(b'"properties":' + b'{"a":' * 15 + b"{}" + b"}" * 15), "too_deep", "/properties" + "/a" * 15),
    (
        with_member(b'"properties":' + json.dumps({f"k{i}": 1 for i in range(256)}).encode()),
        "too_many_keys",
        "/properties",
    ),
    (with_member(b'"properties":' + json.dumps({f"k{i}": 1 for i in range(255)}).encode()), None, None),
    (with_member(b'"name":"' + b"x" * 8192 + b'"'), None, None),
    (with_member(b'"name":"' + "ש".encode() * 8193 + b'"'), "string_too_long", "/name"),
    (with_member(b'"name":"' + "ש".encode() * 8192 + b'"'), None, None),
    (with_member(b'"user_id":"' + b"x" * 512 + b'"'), None, None),
    (with_member(b'"order":{"value":99999999999999}'), None, None),
    (with_member(b'"name":"a","name":"b"'), None, None),
    (with_member(b'"user_id":18446744073709551617'), None, None),
]


@pytest.mark.parametrize(("body", "code"), UNREADABLE, ids=lambda value: repr(value)[:40])
def test_unreadable(collector: Running, body: bytes, code: str) -> None:
    answer = collector.post(body)
    assert (answer.status, answer.code) == (400, code)
    assert answer.json["error"]["hint"]
    (record,) = collector.records()
    assert (record.code, record.payload, record.site) == (code, body, "open")


def test_each_refusal_alone_and_in_a_batch(collector: Running) -> None:
    expected = []
    for body, code, pointer in REFUSED:
        answer = collector.post(body)
        assert answer.status == 202, body[:80]
        told = [(one["code"], one["pointer"]) for one in answer.json["rejected"]]
        assert told == ([(code, pointer)] if code else []), body[:80]
        assert answer.json["accepted"] == (0 if code else 1)
        expected.append((code, body))
    kept = [(getattr(one, "code", None), getattr(one, "payload", None) or one.event) for one in collector.records()]
    assert kept == expected


def test_one_bad_event_never_rejects_the_others(collector: Running) -> None:
    bad = [body for body, code, _ in REFUSED if code] + [
        with_member(b'"a":NaN'),
        with_member(b'"a":"\\ud800"'),
        with_member(b'"name":"\xff"'),
        with_member(b'"a":' + b"[" * 10_000 + b"]" * 10_000),
    ]
    good = json.dumps(GOOD).encode()
    events = [good, *(part for one in bad for part in (one, good))]
    answer = collector.post(b'{"sent_at":1763719200123,"events":[' + b",".join(events) + b"]}")
    assert answer.status == 202
    assert answer.json["accepted"] == len(bad) + 1
    assert [one["index"] for one in answer.json["rejected"]] == list(range(1, 2 * len(bad), 2))
    records = collector.records()
    assert [one.payload for one in records if hasattr(one, "payload")] == bad
    assert {one.sent_at for one in records} == {1763719200123}


def test_sizes(collector: Running) -> None:
    batch: Any = {"events": [GOOD] * 1000}
    assert collector.post(batch).json["accepted"] == 1000
    over = collector.post({"events": [GOOD] * 1001})
    assert (over.status, over.code) == (413, "batch_too_large")
    big = collector.post(b" " * (10 * 1024 * 1024))
    assert (big.status, big.code, big.headers["connection"]) == (413, "body_too_large", "close")
    event = {**GOOD, "a": ["x" * 8000] * 8}
    size = len(json.dumps(event, separators=(",", ":")))
    fill = "y" * (64 * 1024 - size - 7)
    at = json.dumps({**event, "b": fill}, separators=(",", ":")).encode()
    assert len(at) == 64 * 1024
    assert collector.post(at).json["accepted"] == 1
    assert collector.post(at[:-1] + b" }").json["rejected"][0]["code"] == "event_too_large"


def test_gzip(collector: Running) -> None:
    whole = gzip.compress(json.dumps(GOOD).encode())
    assert collector.post(whole, content_encoding="gzip").json["accepted"] == 1
    assert collector.post(whole).json["accepted"] == 1, "recognised by its first bytes"
    for broken in (whole[:-4], whole + b"x", whole + whole, b"\x1f\x8bnonsense"):
        answer = collector.post(broken, content_encoding="gzip")
        assert (answer.status, answer.code) == (400, "invalid_gzip")
    bomb = collector.post(gzip.compress(b" " * 100_000_000), content_encoding="gzip")
    assert (bomb.status, bomb.code) == (413, "body_too_large")
    assert collector.post(whole, content_encoding="br").status == 415


def test_media_types(collector: Running) -> None:
    for media_type in (
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "Application/JSON; charset=utf-8",
    ):
        assert collector.post(GOOD, content_type=media_type).status == 202
    for media_type in ("multipart/form-data; boundary=x", "image/png"):
        answer = collector.post(GOOD, content_type=media_type)
        assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_methods_and_paths(collector: Running) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        answer = collector.ask(method, "/v1/events")
        assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")
    for path in ("/nothing", "/v1/nothing", "/v1/events/", "//v1/events"):
        answer = collector.get(path)
        assert (answer.status, answer.code) == (404, "not_found")
    assert collector.ask("POST", "/healthz").status == 405


def test_a_rejected_event_keeps_no_address_and_no_key(collector: Running) -> None:
    collector.post({"write_key": WRITE, "type": "nope", "context": {"ip": "192.0.2.77"}}, None)
    collector.post(b'{"write_key":"' + WRITE.encode() + b'","type":', None)
    first, second = collector.records()
    assert b"192.0.2" not in first.payload
    assert WRITE.encode() not in first.payload + second.payload
    assert second.payload == b'{"write_key":"***","type":'


KEYS = [
    ({"type": "page", "visitor_id": "v"}, None),
    ({"type": "nope", "visitor_id": "v"}, "unknown_type"),
    ({"type": "page", "visitor_id": "v", "context": {"ip": "192.0.2.77"}}, None),
    ({"type": "page", "visitor_id": "v", "properties": {"n": 1.1}}, None),
]


def test_the_events_of_a_batch_keep_no_key(collector: Running) -> None:
    """One that all of them can be read of, and one in which one can't."""
    keyed = [{**event, "write_key": SECRET} for event, _ in KEYS]
    readable = [event for event, (_, code) in zip(keyed, KEYS, strict=True) if code is None]
    assert collector.post({"events": readable}).json["accepted"] == len(readable)
    assert collector.post({"events": keyed}, WRITE).json["rejected"][0]["code"] == "unknown_type"
    unreadable = b'{"a":NaN,"write_key":"%b"}' % SECRET.encode()
    body = json.dumps({"events": keyed}).encode().replace(b"]}", b"," + unreadable + b"]}")
    assert collector.post(body).json["rejected"][-1]["code"] == "invalid_number"
    records = collector.records()
    assert len(records) > len(KEYS)
    for record in records:
        payload = record.event if isinstance(record, Accepted) else record.payload
        assert SECRET.encode() not in payload
        assert b"visitor_id" in payload or b"NaN" in payload


def test_events_twice_in_one_body(collector: Running) -> None:
    """The last would be read, the others lost: it is refused whole, and kept."""
    one = json.dumps({**GOOD, "properties": {"events": [1, "events"]}}).encode()
    for body in (
        b'{"events":[%b,%b],"events":[%b]}' % (one, one, one),
        b'{"events":[7],"sent_at":1,"events" : [%b]}' % one,
        b'{"events":[%b],"events":[{"a":NaN}]}' % one,
    ):
        answer = collector.post(body)
        assert (answer.status, answer.code) == (400, "invalid_json")
        assert "more than once" in answer.json["error"]["message"]
        assert collector.records()[-1].payload == body
    assert collector.post(b'{"events":[%b,%b]}' % (one, one.replace(b"[1", b"[2"))).json["accepted"] == 2


@pytest.mark.parametrize("head", [b'"', b'{"batch":[{"event":"', b'{"events":[{"name":"'])
@pytest.mark.parametrize("tail", [b"", b"\\"])
def test_a_string_that_nobody_closes_holds_up_nothing(collector: Running, head: bytes, tail: bytes) -> None:
    """Each quote in it was tried as the beginning of another string: hours for such a body, from anybody."""
    body = head + b'\\"' * 500_000 + tail
    kind = {"content-type": "application/json"}
    assert collector.post(body).code in {"invalid_json", "invalid_string"}
    for path in ("/capture/", "/batch/", "/v1/batch", "/matomo.php"):
        assert collector.ask("POST", path, body, kind).status < 500
    assert collector.get("/healthz").status == 200
