"""Messages of foreign clients, spoilt as a whole or in one part: what was kept, mended and replayed, is what would have been."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from collector_server import Running

from netiv.replaying.patch import Operation, parse
from netiv.replaying.records import replayed
from schemas.record import Accepted, Bad, decode
from tests.dialects.captured import Capture, examples, messages
from tests.dialects.conftest import SITES
from tests.dialects.conftest import collector as collector

LONG = "x" * 9_000
# family -> where its messages have free properties
PLACES: dict[str, tuple[str | int, ...]] = {
    "segment-python": ("batch", 0, "properties"), "segment-browser": ("properties",), "rudder-node": ("batch", 0, "properties"),
    "jitsu-node": ("properties",), "snowplow-python": ("data", 0), "snowplow-browser": ("data", 0), "ga4mp-python": ("events", 0, "params"),
    "ga4": ("events", 0, "params"), "posthog-python": ("batch", 0, "properties"), "posthog-js": ("batch", 0, "properties"),
    "plausible": ("p",), "umami": ("payload", "data"), "meta-capi": ("data", 0, "custom_data"),
}  # fmt: skip
NO_IDS = {"ga4mp-python", "ga4", "plausible", "umami"}
FORMS = {"matomo.js": "dimension1", "mautic-browser": "note", "snowplow-get": "zz"}


def document(capture: Capture) -> Any:
    return json.loads(capture.request.body)


def first(client: str) -> Capture:
    """A message of this client that has the place."""
    for capture in [*messages(), *examples()]:
        if capture.client == client and capture.method == "POST" and not _missing(capture, PLACES[client]):
            return capture
    raise AssertionError(client)


def _missing(capture: Capture, place: tuple[str | int, ...]) -> bool:
    value = document(capture) if capture.request.body[:1] in (b"{", b"[") else None
    for step in place:
        try:
            value = value[step] if value is not None else None
        except (KeyError, IndexError):
            return True
    return not isinstance(value, dict)


def post(collector: Running, capture: Capture, body: bytes) -> int:
    headers = {
        name: value
        for name, value in capture.headers.items()
        if name.lower() not in ("content-encoding", "content-length", "host")
    }
    return collector.ask("POST", capture.address, body, headers).status


def kept(collector: Running) -> tuple[list[Accepted], list[Bad]]:
    records = collector.records()
    return [one for one in records if isinstance(one, Accepted)], [one for one in records if isinstance(one, Bad)]


def again(bad: Bad, operations: list[Operation]) -> list[Accepted]:
    result = replayed(bad, "1-0-7", operations, SITES.sites[0])
    assert result.rejections == []
    records = [decode(record.value) for record in result.records]
    assert {record.received_at for record in records if isinstance(record, Accepted)} == {bad.received_at}
    return [record for record in records if isinstance(record, Accepted)]


def said(records: list[Accepted]) -> list[Any]:
    """The events and who sent them. Ids that were made for lack of one differ."""
    found = []
    for record in records:
        event = json.loads(record.event)
        event.pop("event_id", None)
        if event.get("properties", {}).get("$dialect") == {}:  # what was taken out of it was all there was
            del event["properties"]["$dialect"]
        if event.get("properties") == {}:
            del event["properties"]
        found.append(
            [record.site, record.visitor_id, record.dialect, record.secret, record.sent_at, record.user_agent, event]
        )
    return found


@pytest.mark.parametrize("client", PLACES)
def test_a_body_that_was_cut_off(collector: Running, client: str) -> None:
    capture = first(client)
    assert post(collector, capture, capture.request.body) in (200, 202, 204)
    good, _ = kept(collector)
    assert good
    post(collector, capture, capture.request.body.rstrip()[:-1])
    everything, bad = kept(collector)
    if not bad:  # no key can be found in what is left: nobody's site, so nothing is kept
        assert len(everything) == len(good)
        return
    assert (len(everything), len(bad)) == (len(good), 1)
    patch = parse(json.dumps([{"op": "replace", "path": "", "value": document(capture)}]).encode())
    mended = said(again(bad[0], patch))
    expected = said(good)
    for one, other in zip(mended, expected, strict=True):
        one[4] = other[4]  # the time of sending stood in what was cut off
    assert mended == expected


@pytest.mark.parametrize("client", PLACES)
def test_one_entry_with_something_too_long(collector: Running, client: str) -> None:
    capture = first(client)
    assert post(collector, capture, capture.request.body) in (200, 202, 204)
    good, _ = kept(collector)
    spoilt = document(capture)
    place = spoilt
    for step in PLACES[client]:
        place = place[step]
    place["zz"] = LONG
    post(collector, capture, json.dumps(spoilt, ensure_ascii=False).encode())
    everything, (bad,) = kept(collector)
    assert bad.code == "string_too_long"
    mended = again(bad, parse(json.dumps([{"op": "remove", "path": bad.pointer}]).encode()))
    assert len(mended) == 1
    # the others of its batch came a second time, as the same events
    assert said(mended)[0] in said(good)
    assert (
        len({record.event_id for record in [*everything, *mended]}) == len({record.event_id for record in good})
        or client in NO_IDS
    )


@pytest.mark.parametrize("client", FORMS)
def test_a_query_is_patched_by_its_names(collector: Running, client: str) -> None:
    addresses = {
        "matomo.js": (
            "POST",
            "/matomo.php",
            {"idsite": "7", "rec": "1", "_id": "7049e3c91abcb934", "url": "https://shop.example.co.il/"},
        ),
        "mautic-browser": (
            "POST",
            "/mtc/event",
            {"page_url": "http://localhost/x", "mautic_device_id": "dev-1", "email": "a@b.example"},
        ),
        "snowplow-get": (
            "GET",
            "/i",
            {"e": "pv", "aid": "shop", "duid": "d-1", "eid": "e-1", "url": "https://shop.example.co.il/"},
        ),
    }
    method, path, parameters = addresses[client]

    def send(told: dict[str, str]) -> None:
        query = urlencode(told)
        headers = {"content-type": "application/x-www-form-urlencoded", "user-agent": "Mozilla/5.0"}
        if method == "GET":
            collector.ask("GET", f"{path}?{query}", None, headers)
        else:
            collector.ask("POST", path, query.encode(), headers)

    send(parameters)
    good, _ = kept(collector)
    send({**parameters, FORMS[client]: LONG})
    _, (bad,) = kept(collector)
    assert said(again(bad, parse(json.dumps([{"op": "remove", "path": bad.pointer}]).encode()))) == said(good)
    if client == "snowplow-get":  # refused before it was decoded: the query itself was kept
        send({**parameters, "e": "dance"})
        _, (_, bad) = kept(collector)
        assert bad.payload.startswith(b"e=dance")
        assert said(again(bad, parse(b'[{"op": "replace", "path": "/e", "value": "pv"}]'))) == said(good)
