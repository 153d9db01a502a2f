"""Verdicts, duplicates, receipts, lag, the pixel, the served files, metrics, logs."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

import pytest
from collector_server import SECRET, WRITE, Running
from simulation.stack import run

from collector.metrics import CATALOGUE
from collector.pixel import GIF
from collector.sdk_files import SdkFiles
from eventlog.contract import LogFull, LogUnavailable, Position, Record
from schemas.record import Accepted
from schemas.rejection import CODES

PAGE = {"type": "page", "visitor_id": "v"}


def test_duplicates(collector: Running) -> None:
    event = {**PAGE, "event_id": "e1"}
    assert collector.post(event).json["duplicates"] == 0
    again = collector.post(event).json
    assert (again["accepted"], again["duplicates"], again["receipt"]) == (0, 1, "")
    latest = {**event, "name": "another payload"}
    other = collector.post(latest).json
    assert (other["accepted"], other["duplicates"]) == (1, 0)
    batch = collector.post({"events": [{**PAGE, "event_id": 2}, {**PAGE, "event_id": 2}, latest, PAGE, PAGE]}).json
    assert (batch["accepted"], batch["duplicates"]) == (3, 2)
    assert [record.event_id for record in collector.records()][:3] == ["e1", "e1", "2"]


def test_receipts_and_lag(collector: Running) -> None:
    answer = collector.post({"events": [PAGE, {"type": "nope"}, PAGE]}).json
    state = collector.get(f"/v1/receipts/{answer['receipt']}")
    assert state.json == {"receipt": answer["receipt"], "stored": True, "loaded": False, "derived": False}
    lag = collector.get("/v1/lag").json
    assert (lag["acknowledged"], lag["loaded"], lag["derived"], lag["lag_events"]) == (3, 0, 0, 3)
    assert lag["lag_s"] >= 0
    assert lag["partitions"] == {"0": {name: figure for name, figure in lag.items() if name != "partitions"}}
    generation = answer["receipt"].partition(".")[0]
    for unknown in ("x", "1.0.0-0", f"{generation}.0.0-99", f"{generation}.9.0-0", "1" * 5000):
        assert collector.get(f"/v1/receipts/{unknown}").code == "unknown_receipt"


def test_pixel(collector: Running) -> None:
    fields = {
        "k": WRITE, "type": "touch", "visitor_id": "v", "utm_source": "news", "utm_campaign": "סתיו", "gclid": "AbC",
        "kind": "open", "channel": "Email", "cost": "0.5", "value": "12.50", "currency": "ILS", "order_id": "o1",
        "p.color": "red", "id.crm_id": "7", "created_at": "1763719200123", "mystery": "kept",
    }  # fmt: skip
    answer = collector.get("/p.gif?" + urlencode(fields), referer="https://shop.example/mail")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, GIF, "image/gif")
    assert "no-store" in answer.headers["cache-control"]
    assert "x-netiv-error" not in answer.headers
    (record,) = collector.records()
    assert json.loads(record.event) == {
        "type": "touch", "visitor_id": "v", "mystery": "kept", "created_at": 1763719200123,
        "touch": {"kind": "open", "channel": "Email", "cost": 0.5},
        "order": {"value": 12.5, "currency": "ILS", "id": "o1"},
        "properties": {"color": "red"}, "identifiers": {"crm_id": "7"},
        "context": {
            "campaign": {"source": "news", "name": "סתיו"}, "click_ids": {"gclid": "AbC"},
            "url": "https://shop.example/mail",
        },
    }  # fmt: skip
    assert len(GIF) == 43


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        (f"k={WRITE}&value=NaN", 200, "wrong_type"),
        (f"k={WRITE}&type=nope", 200, "unknown_type"),
        (f"k={WRITE}&title=%00", 200, "invalid_string"),
        (f"k={WRITE}&context=5&touch=6&events=7", 200, None),
        (f"k={WRITE}&title=%ff%fe", 200, None),
        (f"k={SECRET}", 200, "missing_identifier"),
        ("k=wrong", 401, "unknown_key"),
        ("", 401, "missing_key"),
    ],
)
def test_pixel_always_answers_the_image(collector: Running, query: str, status: int, error: str | None) -> None:
    answer = collector.get("/p.gif?" + query)
    assert (answer.status, answer.body, answer.headers.get("x-netiv-error")) == (status, GIF, error)


def test_what_a_pixel_says_of_consent_and_zones(collector: Running) -> None:
    refused = collector.get(f"/p.gif?k={WRITE}&" + urlencode({"consent": '{"analytics":false}'}))
    assert "set-cookie" not in refused.headers
    unescaped = collector.get(f"/p.gif?k={WRITE}&visitor_id=v&consent={{x&created_at=2026-11-01T10:00:00+02:00")
    assert "x-netiv-error" not in unescaped.headers
    first, second = (json.loads(record.event) for record in collector.records() if isinstance(record, Accepted))
    assert first["context"] == {"consent": {"analytics": False}}
    assert (second["created_at"], second["context"]) == ("2026-11-01T10:00:00+02:00", {"consent": "{x"})


def test_a_blank_visitor_is_none(collector: Running) -> None:
    answers = [
        collector.get(f"/p.gif?k={WRITE}&visitor_id=+"),
        collector.post({"type": "page", "visitor_id": " \t"}),
        collector.post({"events": [{"type": "page", "visitor_id": " "}]}),
    ]
    cookies = [answer.headers["set-cookie"].partition(";")[0] for answer in answers]
    records = [record for record in collector.records() if isinstance(record, Accepted)]
    assert [f"nv_id={record.visitor_id}" for record in records] == cookies


def test_click_ids_may_be_null_or_numbers(collector: Running) -> None:
    context = {"click_ids": {"gclid": None, "mc_eid": 7}}
    assert collector.post({**PAGE, "context": context}).json["accepted"] == 1
    answer = collector.post({**PAGE, "context": {"click_ids": {"gclid": None, "fbclid": ["x"]}}}).json
    assert [one["pointer"] for one in answer["rejected"]] == ["/context/click_ids/fbclid"]


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/v1/lag", "/v1/schema.json", "/docs", f"/p.gif?k={WRITE}"]
)
def test_head_is_get_without_a_body(collector: Running, path: str) -> None:
    got, asked = collector.get(path), collector.ask("HEAD", path)
    assert (asked.status, asked.body) == (got.status, b"")
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert len([*collector.records()]) == path.startswith("/p.gif")  # looking is no opening


class Failing:
    """A log whose appends fail as told; the rest is an empty log."""

    generation = 1

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def append(self, records: Sequence[Record]) -> list[Position]:
        raise self.error

    async def ends(self) -> Mapping[int, int]:
        raise LogUnavailable("gone")

    async def committed(self, group: str) -> Mapping[int, int]:
        return {}

    async def oldest_unread_at(self, group: str) -> dict[int, int]:
        return {}


@pytest.mark.parametrize(("error", "code"), [(LogFull("full"), "log_full"), (LogUnavailable("x"), "log_unavailable")])
def test_log_errors_are_never_success(start: Callable[..., Running], error: Exception, code: str) -> None:
    collector = start(log=Failing(error))
    for body in (PAGE, {"type": "nope"}, b"not json"):
        answer = collector.post(body)
        assert (answer.status, answer.code) == (503, code)
        assert 5 <= int(answer.headers["retry-after"]) <= 30
    assert collector.get(f"/p.gif?k={WRITE}").status == 503
    assert collector.post({**PAGE, "event_id": "again"}).status == 503, "what was not stored is no duplicate"
    assert collector.get("/readyz").json["checks"]["log"] is False
    assert collector.get("/v1/lag").status == 503
    assert collector.get("/healthz").status == 200


class Silent(Failing):
    """A log that does not say it is away: it tries and tries, as Kafka's client does."""

    async def committed(self, group: str) -> Mapping[int, int]:
        await asyncio.Event().wait()
        return {}

    async def ends(self) -> Mapping[int, int]:
        return await self.committed("")


def test_figures_do_not_wait_for_a_log_that_is_away(start: Callable[..., Running]) -> None:
    collector = start(log=Silent(LogUnavailable("gone")))
    assert "netiv_spool_records" in collector.get("/metrics").body.decode()
    assert (collector.get("/v1/lag").status, collector.get("/v1/lag").code) == (503, "log_unavailable")
    assert collector.get("/v1/receipts/1.0.0-1").status == 503


def test_prefix(start: Callable[..., Running]) -> None:
    collector = start(path_prefix="/nv")
    assert collector.post(PAGE).status == 202
    for path in ("/healthz", "/metrics", "/v1/lag", "/v1/schema.json", "/docs", "/openapi.json", f"/p.gif?k={WRITE}"):
        assert collector.get(path).status == 200, path
    collector.prefix = ""
    assert collector.post(PAGE).status == 404
    assert collector.get("/healthz").status == 404


@pytest.mark.parametrize("named", ["", "/nv", "/nv/"])
def test_commands_ask_below_the_prefix(start: Callable[..., Running], tmp_path: Path, named: str) -> None:
    collector = start(path_prefix="/nv")
    url = f"http://127.0.0.1:{collector.port}"
    place = {"NETIV_URL": url + named, "NETIV_PATH_PREFIX": "/nv", "NETIV_ALIAS": "/n"}
    assert json.loads(run(tmp_path, "wait", "--json", **place).stdout)["lag_events"] == 0
    found = {one["check"]: one for one in json.loads(run(tmp_path, "doctor", "--json", **place).stdout)}
    assert found["lag"]["state"] == "ok", found
    assert found["collector"]["detail"].startswith(f"{url}/nv is"), found
    tags = run(tmp_path, "sites", "add", "shop", **place).stdout
    assert f'src="{url}/nv/netiv.js"' in tags
    assert f'src="{url}/n/s.js"' in tags
    assert collector.get("/netiv.js").status == 200
    link = run(tmp_path, "links", "add", "https://shop.example/", "--site", "shop", "--name", "x", **place).stdout
    assert f"{url}/nv/r/x" in link


def test_a_prefix_that_no_path_begins_with_is_refused(tmp_path: Path) -> None:
    for wrong in ("nv", "/nv/", "/n v"):
        said = run(tmp_path, "doctor", NETIV_PATH_PREFIX=wrong)
        assert "path_prefix" in (said.stdout + said.stderr).lower(), said


def test_the_page_of_the_interface_needs_nothing_from_outside(start: Callable[..., Running]) -> None:
    collector = start(path_prefix="/nv")
    page = collector.get("/docs").body.decode()
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(parts) == 3
    assert "https://" not in page
    for part in parts:
        found = collector.ask("GET", part.removeprefix("/nv"))
        assert found.status == 200, part
        assert len(found.body) > 1_000
    assert collector.get("/docs/redoc.standalone.js").status == 404


def test_documentation(collector: Running) -> None:
    paths = collector.get("/openapi.json").json["paths"]
    assert {"/v1/events", "/v1/costs", "/p.gif", "/netiv.js", "/healthz", "/v1/lag", "/v1/receipts/{receipt}"} <= set(
        paths
    )
    schema = collector.get("/v1/schema.json").json
    assert "visitor_id" in json.dumps(schema)
    page = (Path(__file__).parents[2] / "docs" / "rejections.md").read_text()
    assert [code for code in CODES if f"| `{code}` |" not in page] == []


def test_sdk_files(tmp_path: Path) -> None:
    files = SdkFiles(tmp_path)
    assert files.answer("netiv.js", b"").status == 503
    assert b"make sdk" in files.answer("netiv.js", b"").body
    (tmp_path / "netiv.js").write_bytes(b"1")
    answer = files.answer("netiv.js", b"")
    headers = dict(answer.headers)
    assert (answer.status, answer.body, headers[b"cache-control"]) == (200, b"1", b"public, max-age=3600")
    assert headers[b"access-control-allow-origin"] == b"*"
    assert files.answer("netiv.js", headers[b"etag"]).status == 304
    hashed = f"netiv.{headers[b'etag'].strip(chr(34).encode()).decode()}.js"
    assert b"immutable" in dict(files.answer(hashed, b"").headers)[b"cache-control"]
    for name in ("netiv.abcdef.js", "netiv-more.js", "netiv.js.map", "netiv.ts", "netiv..%2f"):
        assert files.answer(name, b"").status == 404, name


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("deflate, gzip; q=0.0", False), ("x-gzip", False), ("", False)],
)
def test_the_sdk_is_sent_packed_to_who_takes_it(collector: Running, accepted: str, packed: bool) -> None:
    plain = collector.get("/netiv.js")
    answer = collector.get("/netiv.js", accept_encoding=accepted)
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(answer.body) if packed else answer.body) == plain.body
    assert (answer.headers["vary"], answer.headers["etag"] == plain.headers["etag"]) == ("Accept-Encoding", not packed)
    again = collector.get("/netiv.js", accept_encoding=accepted, if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_every_series_of_prometheus_is_in_the_documentation(collector: Running) -> None:
    collector.post(PAGE)
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    told = re.findall(r"^# TYPE (\S+)", collector.get("/metrics").body.decode(), re.MULTILINE)
    assert [name for name in told if f"`{name}`" not in page] == []


def test_metrics_and_logs_hold_nobody(start: Callable[..., Running], capfd: pytest.CaptureFixture[str]) -> None:
    collector = start()
    canary = "canary@person.example"
    collector.post({**PAGE, "email": canary, "visitor_id": canary, "context": {"ip": "198.51.100.9"}}, cookie=canary)
    collector.post({"type": canary, "email": canary})
    collector.post(f'{{"write_key":"{WRITE}","email":"{canary}"'.encode(), None, origin="https://canary@person.example")
    collector.get(f"/p.gif?k={canary}&email={canary}")
    collector.post(PAGE, SECRET, origin="https://a.example")
    text = collector.get("/metrics").body.decode()
    for metric in CATALOGUE:
        assert metric.name in text
    assert 'netiv_events_rejected_total{code="unknown_type"} 1.0' in text
    assert 'netiv_secret_key_in_browser_total{site="open"} 1.0' in text
    out, err = capfd.readouterr()
    for secret in (canary, "198.51.100", WRITE, SECRET):
        assert secret not in text + out + err
