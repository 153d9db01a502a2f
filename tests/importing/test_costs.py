"""Advertising costs: reports of ad systems through `netiv import` into a running stack; the newest word on a day holds."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from collector_server import SECRET, WRITE, Running
from simulation.stack import Stack

from collector.statements import cost_of as checked
from collector.statements import statements_of
from netiv.errors import CommandError
from netiv.http import Client
from netiv.importing import cost_run
from netiv.importing.costs import cost_of, looks_like_costs
from netiv.importing.mapping import Rules, Unreadable
from netiv.importing.run import Plan, Summary
from schemas.record import Bad, Costs
from schemas.rejection import Rejection

PLAIN = Rules({}, ZoneInfo("UTC"))
GOOGLE = (
    "Day,Campaign,Source,Medium,Cost,Currency code,Impr.,Clicks\n"
    "2026-11-01,brand,google,cpc,100.10,ILS,\"1,000\",10\n"
    "2026-11-01,generic,google,cpc,50,ILS,500,5\n"
    "2026-11-02,brand,google,cpc,70,ILS,700,7\n"
    "Total,,,,220.10,ILS,,\n"
)  # fmt: skip
META = "Reporting starts\tCampaign name\tAmount spent (ILS)\tImpressions\n01/11/2026\tאביב\t1.234,50\t9000\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("costs"))
    yield running
    assert running.stop() == 0


def imported(stack: Stack, key: str, content: str, *options: str, name: str = "costs.csv") -> dict[str, Any]:
    path = stack.folder / name
    path.write_text(content, "utf-8")
    done = stack.netiv("import", str(path), "--secret-key", key, "--json", *options, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def spent(stack: Stack, site: str) -> list[list[Any]]:
    stack.wait_derived()
    warehouse = stack.warehouse()
    sql = """SELECT toString(day), account, channel, source, campaign, cost, currency, impressions, clicks FROM v_ad_costs
    WHERE site = {site:String} ORDER BY day, account, campaign"""
    found = warehouse.query(sql, {"site": site}).rows
    warehouse.close()
    return [[*row[:7], *map(int, row[7:])] for row in found]


def test_a_report_of_costs_and_its_correction(stack: Stack) -> None:
    key = stack.add_site("shop")["secret_key"]
    first = imported(stack, key, GOOGLE)
    assert (first["rows"], first["accepted"], first["rejected"]) == (4, 3, 1)
    with (stack.folder / "costs.csv.rejected.csv").open(encoding="utf-8", newline="") as file:
        (refused,) = csv.DictReader(file)
    assert (refused["row"], refused["code"], refused["source"]) == ("4", "invalid_time", "Total,,,,220.10,ILS,,")
    assert (refused["pointer"], refused["message"]) == ("/day", "A time can't be read: 'Total' in column 'Day'")
    rows = [
        ["2026-11-01", "google", "Paid Search", "google", "brand", 100.1, "ILS", 1000, 10],
        ["2026-11-01", "google", "Paid Search", "google", "generic", 50, "ILS", 500, 5],
        ["2026-11-02", "google", "Paid Search", "google", "brand", 70, "ILS", 700, 7],
    ]
    assert spent(stack, "shop") == rows
    assert imported(stack, key, GOOGLE)["accepted"] == 3
    assert spent(stack, "shop") == rows, "the same file twice"
    meta = imported(stack, key, META, "--account", "meta", name="meta.csv")
    assert (meta["accepted"], meta["rejected"]) == (1, 0)
    of_meta = ["2026-11-01", "meta", "Unassigned", "", "אביב", 1234.5, "ILS", 9000, 0]
    corrected = GOOGLE.replace("2026-11-01,generic,google,cpc,50,ILS,500,5\n", "").replace("100.10", "99.90")
    imported(stack, key, corrected.replace("2026-11-02,brand,google,cpc,70,ILS,700,7\n", ""))
    rows[0][5] = 99.9
    assert spent(stack, "shop") == [rows[0], of_meta, rows[2]], "a day is replaced whole; another day and account stay"
    warehouse = stack.warehouse()
    sql = "SELECT dimension, key, currency, spend FROM v_return_on_spend WHERE site = 'shop' AND model = 'last' ORDER BY dimension, spend"
    beside_credits = warehouse.query(sql).rows
    warehouse.close()
    assert beside_credits == [
        ["campaign", "brand", "ILS", 169.9], ["campaign", "אביב", "ILS", 1234.5],
        ["channel", "Paid Search", "ILS", 169.9], ["channel", "Unassigned", "ILS", 1234.5],
    ]  # fmt: skip


def test_a_day_of_which_a_row_can_not_be_read_keeps_what_it_had(stack: Stack) -> None:
    key = stack.add_site("whole-days")["secret_key"]
    header = "day,source,campaign,cost\n"
    imported(stack, key, header + "2026-11-01,google,brand,10\n2026-11-02,google,brand,20\n")
    before = spent(stack, "whole-days")
    later = (
        header + "2026-11-01,google,brand,11\n2026-11-02,google,brand,22\n2026-11-01,google,generic,much\nTotal,,,33\n"
    )
    told = imported(stack, key, later)
    assert (told["rows"], told["accepted"], told["rejected"]) == (4, 1, 3)
    with (stack.folder / "costs.csv.rejected.csv").open(encoding="utf-8", newline="") as file:
        refused = [(row["row"], row["code"]) for row in csv.DictReader(file)]
    assert refused == [("1", "incomplete_day"), ("3", "invalid_number"), ("4", "invalid_time")]
    before[1][5] = 22
    assert spent(stack, "whole-days") == before, "the first day stands as it was, the second is replaced"
    told = imported(stack, key, later.replace("much", "5"))
    assert (told["accepted"], told["rejected"]) == (3, 1)
    assert [row[5] for row in spent(stack, "whole-days")] == [11, 5, 22]


def test_a_bad_statement_is_mended_and_replayed_at_its_own_time(stack: Stack) -> None:
    key = stack.add_site("mended")["secret_key"]
    client = Client(stack.url)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    broken = {
        "costs": [
            {"day": "2026-11-05", "cost": 5, "source": "tiktok"},
            {"day": "2026-11-05", "cost": "much", "source": "tiktok"},
        ]
    }
    answer = client.request("POST", "/v1/costs", json.dumps(broken).encode(), headers)
    assert answer.status == 400
    assert "/costs/1/cost" in answer.json()["error"]["message"]
    later = {"costs": [{"day": "2026-11-06", "cost": 8, "source": "tiktok"}]}
    assert client.request("POST", "/v1/costs", json.dumps(later).encode(), headers).status == 202
    client.close()
    assert [row[0] for row in spent(stack, "mended")] == ["2026-11-06"]
    patch = '[{"op": "replace", "path": "/costs/1/cost", "value": 3}]'
    done = stack.netiv("replay", "--where", "site = 'mended'", "--patch", patch, "--json")
    told = json.loads(done.stdout)
    assert (told["replayed"], told["mended"]) == (1, 1)
    assert [row[5] for row in spent(stack, "mended")] == [5, 3, 8]


def run(collector: Running, path: Path, key: str = SECRET, account: str = "") -> Summary:
    client = Client(f"http://127.0.0.1:{collector.port}")
    try:
        return cost_run.run(Plan(path, "utf-8", None, PLAIN, key, account), client, lambda done: None)
    finally:
        client.close()


def test_a_day_goes_whole_and_an_interrupted_import_goes_on(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "year.csv"
    lines = [
        f"2026-{month:02}-{day:02},c{n},tv,{n}.5,ILS"
        for n in range(40)
        for month in range(1, 13)
        for day in range(1, 29)
    ]
    path.write_text("date,campaign,channel,cost,currency\n" + "\n".join(lines) + "\n", "utf-8")

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    client = Client(f"http://127.0.0.1:{collector.port}")
    with pytest.raises(KeyboardInterrupt):
        cost_run.run(Plan(path, "utf-8", None, PLAIN, SECRET), client, stop)
    client.close()
    before = len(collector.records())
    assert 0 < before < 336
    summary = run(collector, path)
    records = [record for record in collector.records() if isinstance(record, Costs)]
    assert len(records) == 336, "each day once"
    assert {len(record.rows) for record in records} == {40}
    assert summary.skipped == before * 40
    assert summary.rows == 336 * 40 - summary.skipped
    assert not (tmp_path / "year.csv.progress").exists()


def test_only_the_secret_key_tells_costs(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text("date,cost\n2026-11-01,5\n", "utf-8")
    with pytest.raises(CommandError, match="may not do this"):
        run(collector, path, key=WRITE)
    with pytest.raises(CommandError, match="opens no site"):
        run(collector, path, key="nobody")
    assert collector.records() == []


def test_what_is_no_statement_is_a_bad_event(collector: Running) -> None:
    bodies: list[tuple[bytes, int, str]] = [
        (b"{", 400, "invalid_json"), (b"[]", 400, "not_an_object"), (b'{"costs":[]}', 400, "empty_batch"),
        (b'{"costs":[{"day":"2026-11-01"}]}', 400, "wrong_type"),
        (b'{"costs":[{"day":"2026-11-31","cost":1}]}', 400, "invalid_time"),
        (b'{"costs":[{"day":"1066-11-01","cost":1}]}', 400, "invalid_time"),
        (b'{"costs":[{"day":"2026-11-01","cost":1e14}]}', 400, "invalid_number"),
        (b'{"costs":[{"day":"2026-11-01","cost":1e999999999}]}', 400, "invalid_number"),
        (b'{"costs":[{"day":"2026-11-01","cost":99999999999999.99995}]}', 400, "invalid_number"),
        (b'{"costs":[{"day":"2026-11-01","cost":1,"clicks":-1}]}', 400, "wrong_type"),
        (b'{"costs":[{"day":"2026-11-01","cost":1,"currency":"shekel"}]}', 400, "wrong_type"),
        (b'{"costs":[' + b",".join([b'{"day":"2026-11-01","cost":1}'] * 5001) + b"]}", 413, "batch_too_large"),
    ]  # fmt: skip
    headers = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}
    for body, status, code in bodies:
        reply = collector.ask("POST", "/v1/costs", body, headers)
        assert (reply.status, reply.code) == (status, code if code in reply.code else reply.code), body
        hint = json.loads(reply.body)["error"]["hint"]
        assert "schema.json" not in hint
        assert ("YYYY-MM-DD" in hint) is (code == "invalid_time")
    told = collector.ask("POST", "/v1/costs", b'{"costs":[{"day":"1.11.2026","cost":1}]}', headers)
    assert "YYYY-MM-DD" in json.loads(told.body)["error"]["hint"]
    bodies.append((b"", 400, "wrong_type"))
    kept = [record for record in collector.records() if isinstance(record, Bad)]
    assert [record.code for record in kept] == [code for _, _, code in bodies]
    assert {record.dialect for record in kept} == {"costs"}


@pytest.mark.parametrize(
    ("columns", "costs"),
    [
        (["date", "cost"], True), (["Day", "Campaign", "Cost", "Impr."], True), (["תאריך", "עלות", "קמפיין"], True),
        (["Reporting starts", "Amount spent (USD)"], True), (["date", "amount", "order_id"], False), (["date", "value", "email"], False),
        (["date", "cost", "email"], False), (["date", "cost", "gclid"], False), (["cost", "campaign"], False),
    ],
)  # fmt: skip
def test_a_report_is_known_by_its_columns(columns: list[str], costs: bool) -> None:
    assert looks_like_costs(columns, {}) is costs


def test_columns_may_be_named() -> None:
    rules = Rules(
        {"Tag": "day", "Kosten": "cost", "Netz": "source", "Notiz": "-"}, ZoneInfo("UTC"), date_format="%d.%m.%y"
    )
    assert looks_like_costs(["Tag", "Kosten"], rules.columns)
    raw = cost_of({"Tag": "01.11.26", "Kosten": "1.000,5", "Netz": "google", "Notiz": "x", "Other": "y"}, rules, "")
    assert json.loads(raw) == {"day": "2026-11-01", "cost": 1000.5, "source": "google"}


@pytest.mark.parametrize(
    ("text", "number"), [("1.000", 1000), ("1,000", 1000), ("12.345.678", 12345678), ("7", 7), ("12.0", 12)]
)
def test_what_is_counted_has_no_decimals(text: str, number: int) -> None:
    row = {"day": "2026-11-01", "cost": "1.234,50 €", "impressions": text}
    assert json.loads(cost_of(row, Rules({}, ZoneInfo("UTC")), "")) == {
        "day": "2026-11-01",
        "cost": 1234.5,
        "impressions": number,
    }


@pytest.mark.parametrize("text", ["inf", "nan", "1.5"])
def test_what_can_not_be_counted_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="invalid_number"):
        cost_of({"day": "2026-11-01", "cost": "1", "clicks": text}, Rules({}, ZoneInfo("UTC")), "")


def test_one_bad_row_refuses_the_statement() -> None:
    good = {"day": "2026-11-01", "cost": 1.25, "channel": "Store"}
    found = statements_of(json.dumps({"costs": [good, good, {**good, "day": "2026-11-02"}]}).encode(), "shop", 7)
    assert isinstance(found, list)
    assert [(one.day, one.account, len(one.rows)) for one in found] == [
        ("2026-11-01", "Store", 2),
        ("2026-11-02", "Store", 1),
    ]
    refused = statements_of(json.dumps({"costs": [good, {**good, "costt": 1}]}).encode(), "shop", 7)
    assert isinstance(refused, Rejection)
    assert refused.pointer.startswith("/costs/1")
    assert isinstance(checked(json.dumps({**good, "cost": "NaN"}).encode()), Rejection)
