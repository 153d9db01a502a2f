"""Generic webhooks: signed, in time, once; mapped by a table; what is not understood is kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from collector_server import Running
from simulation.stack import run

from schemas.record import Accepted, Bad
from tests.webhooks.conftest import Start, call


def sale(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"s-{number}", "kind": "purchase", "at": "2026-11-20T10:00:00+02:00",
        "customer": {"email": "dana@example.co.il", "id": 77, "tier": "gold"},
        "order": {"number": f"ord-{number}", "total": 349.9}, "note": "שלום 🎉", **more,
    }  # fmt: skip


def test_a_signed_call_is_stored(collector: Running) -> None:
    reply = call(collector, {"data": [sale(1), sale(2)]})
    assert (reply.status, reply.json["accepted"], reply.json["rejected"]) == (202, 2, [])
    first, _ = collector.records()
    assert isinstance(first, Accepted)
    assert (first.site, first.dialect, first.secret, first.event_id) == ("open", "webhook", True, "s-1")
    assert msgspec.json.decode(first.event) == {
        "type": "conversion", "name": "purchase", "event_id": "s-1", "email": "dana@example.co.il", "identifiers": {"crm_id": 77},
        "created_at": "2026-11-20T10:00:00+02:00", "order": {"id": "ord-1", "value": 349.9, "currency": "ILS"},
        "properties": {"$dialect": {"customer": {"tier": "gold"}, "note": "שלום 🎉"}},
    }  # fmt: skip


def test_an_amount_may_be_a_text(collector: Running) -> None:
    order = {"number": "ord-1", "total": " 1349.90 "}
    assert call(collector, {"data": [sale(1, order=order)]}).json["accepted"] == 1
    (record,) = collector.records()
    assert isinstance(record, Accepted)
    assert msgspec.json.decode(record.event)["order"]["value"] == 1349.9
    for text in ("1.349,90 €", "nan", "1e400"):
        told = call(collector, {"data": [sale(2, order={"number": "ord-2", "total": text})]}).json["rejected"]
        assert [(one["code"], one["pointer"]) for one in told] == [("wrong_type", "/order/value")]


def test_one_place_may_be_two_fields_or_part_of_another(collector: Running) -> None:
    assert call(collector, sale(1), name="twice").json["accepted"] == 1
    (record,) = collector.records()
    assert isinstance(record, Accepted)
    event = msgspec.json.decode(record.event)
    assert (event["event_id"], event["order"], event["email"]) == (
        "s-1",
        {"id": "s-1", "value": 349.9},
        "dana@example.co.il",
    )
    assert event["properties"] == {
        "customer": {"email": "dana@example.co.il", "id": 77, "tier": "gold"}, "order": {"number": "ord-1", "total": 349.9},
        "$dialect": {"kind": "purchase", "at": "2026-11-20T10:00:00+02:00", "note": "שלום 🎉"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"type": {"const": "conversion"}, "order.vlaue": "/total"}, "order.vlaue is no field"),
        ({"type": {"const": "conversion"}, "email": "customer/email"}, "no JSON pointer"),
        ({"type": {"const": "conversoin"}}, "conversoin is no type"),
        ({"type": {"constant": "conversion"}}, '{"const": …}'),
        ({"email": "/email"}, "`type` is not mapped"),
    ],
)
def test_a_mapping_that_would_lose_something_is_refused(start: Start, tmp_path: Path, mapping: Any, says: str) -> None:
    start()
    (tmp_path / "crm.json").write_bytes(msgspec.json.encode(mapping))
    done = run(
        tmp_path, "webhooks", "add", "new", "--site", "open", "--mapping", "crm.json", "--data", str(tmp_path / "data")
    )
    assert done.returncode == 2
    assert says in done.stderr


def test_what_is_not_understood_is_kept_beside_the_rest(collector: Running) -> None:
    reply = call(collector, {"data": [sale(1), 7, sale(2, at="once"), sale(3)]})
    assert (reply.status, reply.json["accepted"]) == (202, 2)
    assert [one["code"] for one in reply.json["rejected"]] == ["not_an_object", "invalid_time"]
    assert sorted(record.code for record in collector.records() if isinstance(record, Bad)) == [
        "invalid_time",
        "not_an_object",
    ]


@pytest.mark.parametrize(
    "body", [b"no json", b"[]", b'{"other": 1}', b'{"data": 5}', b'{"data": []}', b"\xff\xfe", b'{"data": [[]]}']
)
def test_unknown_shapes_are_bad_events(collector: Running, body: bytes) -> None:
    reply = call(collector, body)
    assert (reply.status, reply.json["accepted"]) == (202, 0)
    (record,) = collector.records()
    assert isinstance(record, Bad)
    assert record.dialect == "webhook"


def test_a_call_counts_once_also_after_a_restart(start: Start) -> None:
    now = time.time()
    collector = start()
    assert call(collector, {"data": [sale(1)]}, at_s=now).status == 202
    assert call(collector, {"data": [sale(1)]}, at_s=now).status == 409
    collector = start()
    assert call(collector, {"data": [sale(1)]}, at_s=now).status == 409
    assert len(collector.records()) == 1


@pytest.mark.parametrize(("offset_s", "status"), [(-320, 401), (-280, 202), (280, 202), (320, 401)])
def test_the_window_of_a_signature(collector: Running, offset_s: int, status: int) -> None:
    assert call(collector, {"data": [sale(1)]}, at_s=time.time() + offset_s).status == status


@pytest.mark.parametrize(
    "change",
    [
        {"x_netiv_signature": ""}, {"x_netiv_signature": "sha256=00"}, {"x_netiv_signature": "שקר".encode().decode("latin-1")},
        {"x_netiv_timestamp": "1"}, {"x_netiv_timestamp": "now"}, {"x_netiv_nonce": "n-2"}, {"x_netiv_nonce": ""},
    ],
)  # fmt: skip
def test_what_is_signed_may_not_change(collector: Running, change: dict[str, str]) -> None:
    assert call(collector, {"data": [sale(1)]}, **change).status == 401
    assert collector.records() == []


def test_other_names_and_secrets_are_refused_alike(collector: Running) -> None:
    body = {"data": [sale(1)]}
    answers = [
        call(collector, body, "nobody"),
        call(collector, body, "orphan"),
        call(collector, body, secret="guess"),
        call(collector, body, ""),
    ]
    assert {reply.status for reply in answers} == {401}
    assert len({reply.body for reply in answers}) == 1
    assert collector.ask("GET", "/webhooks/crm").status == 405
    assert collector.records() == []
