"""`netiv import` against a real collector: every row is an event or in the reject file, the same file twice changes nothing."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from cli.test_supervision import until
from collector_server import LISTED_SECRET, SECRET, WRITE, Running
from simulation.stack import environment
from simulation.stack import run as run_netiv

from netiv.errors import CommandError
from netiv.http import Client
from netiv.importing import rows, run
from netiv.importing.journal import Journal
from netiv.importing.mapping import Rules, Unreadable, amount, event_of, is_field, time_of
from schemas.record import Accepted

ISRAEL = Rules({}, ZoneInfo("Asia/Jerusalem"), name="store purchase")


def imported(
    collector: Running, path: Path, rules: Rules = ISRAEL, key: str = SECRET, encoding: str | None = None
) -> run.Summary:
    client = Client(f"http://127.0.0.1:{collector.port}")
    try:
        return run.run(
            run.Plan(path, encoding or rows.reading_of(path).encoding, None, rules, key), client, lambda number: None
        )
    finally:
        client.close()


def events(collector: Running) -> dict[str, dict[str, Any]]:
    return {
        record.event_id: msgspec.json.decode(record.event)
        for record in collector.records()
        if isinstance(record, Accepted)
    }


HEADER = "תאריך,אימייל,סכום,order_id,loyalty_id,gclid,סניף\n"
LINE = "20/11/2026 14:30,dana@example.co.il,349.90,ord-1,club-7,EAIa,תל אביב\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1255", "utf-16"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_row_is_a_conversion(collector: Running, tmp_path: Path, encoding: str, packed: bool) -> None:
    content = (HEADER + LINE).encode(encoding)
    path = tmp_path / ("store.csv.gz" if packed else "store.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    summary = imported(collector, path)
    assert (summary.rows, summary.accepted, summary.rejected) == (1, 1, 0)
    (record,) = collector.records()
    assert isinstance(record, Accepted)
    assert (record.dialect, record.secret) == ("import", True)
    event = msgspec.json.decode(record.event)
    event.pop("event_id")
    assert event == {
        "type": "conversion", "name": "store purchase", "created_at": 1795177800000, "email": "dana@example.co.il",
        "order": {"value": 349.9, "id": "ord-1"}, "identifiers": {"loyalty_id": "club-7"}, "context": {"click_ids": {"gclid": "EAIa"}},
        "properties": {"סניף": "תל אביב"},
    }  # fmt: skip


@pytest.mark.parametrize(("columns", "field", "value"), [
    (("מטבע",), "order.currency", "ILS"), (("מספר הזמנה", "מזהה הזמנה", "הזמנה", "מספר עסקה"), "order.id", "7"),
    (("סכום", 'סה"כ', "סה״כ", "סכום הזמנה"), "order.value", 349.9), (("מזהה לקוח", "מספר לקוח"), "user_id", "dana"),
    (("אימייל", 'דוא"ל', "דוא״ל", "מייל", "דואר אלקטרוני"), "email", "a@b.example"), (("טלפון", "נייד", "מספר_טלפון"), "phone", "050"),
    (("תאריך", "תאריך הזמנה", "תאריך ושעה"), "created_at", 1795177800000), (("מספר מועדון",), "identifiers.loyalty_id", "9"),
    (("שם",), "properties.שם", "דנה"), (("שעה",), "properties.שעה", "14:30"),
])  # fmt: skip
def test_hebrew_columns_are_known_where_they_say_one_thing(columns: tuple[str, ...], field: str, value: Any) -> None:
    told = {"created_at": "20/11/2026 14:30", "order.value": "349.90"}.get(field, value)
    for column in columns:
        event = event_of({column: told}, ISRAEL)
        for part in field.split("."):
            event = event[part]
        assert event == value, column


def test_a_hebrew_touch_says_where_it_came_from() -> None:
    told = {"ערוץ": "Phone", "מקור": "google", "מדיום": "cpc", "קמפיין": "סתיו", "מזהה לקוח": "dana"}
    event = event_of(told, Rules({}, ISRAEL.zone, type="touch"))
    assert event["touch"] == {"channel": "Phone", "source": "google", "medium": "cpc", "campaign": "סתיו"}


def test_the_same_file_twice_changes_nothing(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "store.csv"
    path.write_text(HEADER + LINE * 3 + LINE.replace("ord-1", "ord-2"), "utf-8")
    imported(collector, path)
    first = events(collector)
    assert len(first) == 4  # equal rows are events of their own
    imported(collector, path)
    assert events(collector) == first


def test_an_import_that_was_interrupted_goes_on(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    lines = [json.dumps({"user_id": f"u-{number}", "value": number}) for number in range(1200)]
    lines[10], lines[1001] = "{", "[]"  # refused before the place where it is interrupted, and behind it
    path.write_text("\n".join(lines) + "\n", "utf-8")
    client = Client(f"http://127.0.0.1:{collector.port}")

    def stop(number: int) -> None:
        if number >= 1000:
            raise KeyboardInterrupt

    plan = run.Plan(path, "utf-8", None, ISRAEL, SECRET)
    with pytest.raises(KeyboardInterrupt):
        run.run(plan, client, stop)
    client.close()
    assert len(events(collector)) == 1000
    summary = imported(collector, path, encoding="utf-8")
    assert (summary.skipped, summary.rows, summary.rejected) == (1001, 199, 1)
    assert len(events(collector)) == 1198
    with (tmp_path / "big.jsonl.rejected.csv").open(encoding="utf-8", newline="") as file:
        assert [(row["row"], row["code"]) for row in csv.DictReader(file)] == [
            ("11", "invalid_json"),
            ("1002", "not_an_object"),
        ]
    assert not (tmp_path / "big.jsonl.progress").exists()


def test_the_place_is_never_half_written(tmp_path: Path) -> None:
    """Whoever opened it before still reads the former one whole: it is replaced, not written over."""
    path = tmp_path / "big.csv"
    place = tmp_path / "big.csv.progress"
    with Journal(path, "mark") as journal:
        journal.confirm(500)
        with place.open("rb") as before:
            journal.confirm(1_000)
            assert before.read() == b"mark 500\n"
    assert Journal(path, "mark").done == 1_000
    assert sorted(one.name for one in tmp_path.iterdir()) == ["big.csv.progress", "big.csv.rejected.csv"]


def test_a_command_that_is_interrupted_says_how_to_go_on(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    path.write_text("".join(json.dumps({"user_id": f"u-{number}"}) + "\n" for number in range(200_000)), "utf-8")
    command = [sys.executable, "-m", "netiv", "import", str(path), "--secret-key", SECRET]
    told_where = environment(tmp_path, NETIV_URL=f"http://127.0.0.1:{collector.port}")
    with subprocess.Popen(command, cwd=tmp_path, env=told_where, stderr=subprocess.PIPE, text=True) as process:
        until(path.with_name("big.jsonl.progress").exists, "rows are sent")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "Interrupted. The same command goes on where this one stopped.\n")


def test_an_interrupted_import_says_nothing_of_another_site(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    path.write_text("".join(json.dumps({"user_id": f"u-{number}"}) + "\n" for number in range(600)), "utf-8")
    client = Client(f"http://127.0.0.1:{collector.port}")

    def stop(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.run(run.Plan(path, "utf-8", None, ISRAEL, SECRET), client, stop)
    client.close()
    summary = imported(collector, path, encoding="utf-8", key=LISTED_SECRET)
    assert (summary.skipped, summary.accepted) == (0, 600)
    assert sum(record.site == "listed" for record in collector.records()) == 600


def test_what_an_office_writes_around_its_rows(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "store.csv"
    path.write_text('\nsep=;\n\nuser_id;"value\n(net)";note\n\nu-1;5;"one ""line""\nand another"\n', "utf-8")
    summary = imported(collector, path, Rules({"value\n(net)": "order.value"}, ZoneInfo("UTC")))
    assert (summary.accepted, summary.rejected) == (1, 0)
    (event,) = events(collector).values()
    assert event["order"] == {"value": 5.0}
    assert event["properties"] == {"note": 'one "line"\nand another'}


LONG = "x" * 140_000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'user_id,note\nu-1,a\n\nu-2,"open\nu-3,b\n', "A quote is opened in line 4 and never closed"),
        (b'sep=,\nuser_id,note\nu-1,a\nu-2,"' + LONG.encode() + b'"\n', "Line 4 can't be read"),
        (b'user_id,"note\n', "A quote is opened in line 1 and never closed"),
        (b"user_id,note,user_id\nu-1,a,u-2\n", "The column 'user_id' stands twice"),
        (b"\n \n", "no header"),
        (
            b'Campaign report\n"November 1, 2026"\nCampaign,Day,Cost\nbrand,2026-11-01,5\n',
            "names one column, and row 2 has 3",
        ),
        (b"PK\x03\x04 and so on", "workbook"),
        (gzip.compress(b"user_id\n" + os.urandom(90_000).hex().encode())[:-20_000], "no whole gzip file"),
        (b"\x1f\x8b" + b"abc" * 50, "no whole gzip file"),
        ("email,date\na@b.example,1.2.2026\n".encode("utf-16-le"), "zero bytes"),
    ],
)
def test_a_file_that_is_no_table_is_told(collector: Running, tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "store.csv"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=says):
        imported(collector, path)


def test_one_json_list_is_told(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    path.write_text('[{"user_id": "u-1"},\n{"user_id": "u-2"}]', "utf-8")
    with pytest.raises(CommandError, match="one JSON list"):
        imported(collector, path)


def test_a_second_column_of_a_field_is_kept(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "store.csv"
    path.write_text("phone,mobile,total,value\n03-5551234,050-5551234,10,12\n,050-5551235,,7\n", "utf-8")
    imported(collector, path, Rules({"value": "order.value"}, ZoneInfo("UTC")))
    first, second = events(collector).values()
    assert (first["phone"], first["order"]) == ("03-5551234", {"value": 12.0})
    assert first["properties"] == {"mobile": "050-5551234", "total": "10"}
    assert (second["phone"], second["order"]) == ("050-5551235", {"value": 7.0})


def test_refused_rows_stand_beside_with_the_reason(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "store.csv"
    bad = [
        "sometime,a@b.example,1,o,,,\n",
        "20/11/2026,a@b.example,a lot,o,,,\n",
        "20/11/2026,,1,o,,,\n",
        "1,2,3,4,5,6,7,8\n",
    ]
    path.write_text(HEADER + LINE + "".join(bad), "utf-8")
    summary = imported(collector, path)
    assert (summary.accepted, summary.rejected) == (1, 4)
    with (tmp_path / "store.csv.rejected.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["row"]: row for row in csv.DictReader(file)}
    assert list(listed) == ["2", "3", "4", "5"], "in the order of the file, whoever refused them"
    assert listed["2"]["pointer"] == "/created_at"
    assert listed["2"]["message"] == "A time can't be read: 'sometime' in column 'תאריך'"
    assert listed["3"]["pointer"] == "/order/value"
    assert "'a lot' in column 'סכום'" in listed["3"]["message"]
    assert all(row["message"] for row in listed.values())
    assert {number: row["code"] for number, row in listed.items()} == {
        "2": "invalid_time", "3": "invalid_number", "4": "missing_identifier", "5": "too_many_cells",
    }  # fmt: skip
    assert listed["3"]["source"] == bad[1].strip()


def test_a_row_larger_than_a_request_is_refused_and_the_others_are_not(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "crm.jsonl"
    said = ["", "x" * 100_000, "x" * 900_000, "x" * 3_000_000, ""]
    path.write_text("".join(json.dumps({"user_id": f"u-{at}", "note": note}) + "\n" for at, note in enumerate(said)))
    summary = imported(collector, path)
    assert (summary.rows, summary.accepted, summary.rejected) == (5, 2, 3)
    with (tmp_path / "crm.jsonl.rejected.csv").open(encoding="utf-8", newline="") as file:
        csv.field_size_limit(4_000_000)
        listed = [(row["row"], row["code"]) for row in csv.DictReader(file)]
        csv.field_size_limit(131_072)
    assert listed == [(number, "event_too_large") for number in "234"]


def test_a_pipe_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "rows.csv"
    os.mkfifo(pipe)
    with pytest.raises(CommandError, match=r"is a pipe or a device"):
        rows.reading_of(pipe)


def test_a_wrong_key_is_told(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "store.csv"
    path.write_text(HEADER + LINE, "utf-8")
    with pytest.raises(CommandError, match="opens no site"):
        imported(collector, path, key="nobody")


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-20T12:30:00Z", 1795177800000), ("2026-11-20 14:30", 1795177800000), ("20.11.2026 14:30", 1795177800000),
        ("1795177800", 1795177800000), ("1795177800000", 1795177800000), ("2026-07-20 15:30", 1784550600000),
    ],
)  # fmt: skip
def test_dates_are_of_their_zone(text: str, ms: int) -> None:
    assert time_of(text, ISRAEL) == ms


@pytest.mark.parametrize(
    "text", ["20.11.2026 14:30:00", "20-11-2026 14:30:00", "2026/11/20 14:30", "2026/11/20 14:30:00", "\u200e20/11/2026 14:30\u200f"]
)  # fmt: skip
def test_dates_as_spreadsheets_write_them(text: str) -> None:
    assert time_of(text, ISRAEL) == 1795177800000


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("₪1,234.50", 1234.5), ("1.234,50 €", 1234.5), ("1\u202f234,50", 1234.5), ("\u200f₪ 120", 120), ("−5", -5), ("1,234", 1234),
        ("0,500", 0.5), ("-0,125", -0.125), ("1.234.567", 1234567), ("1.5E+03", 1500), (".5", 0.5),
    ],
)  # fmt: skip
def test_amounts_as_people_write_them(text: str, number: float) -> None:
    assert amount(text) == number


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999", "1_000", "٣٤", "²", "", "₪", "1,234,50", "(5)"])
def test_what_is_no_amount_is_refused_and_not_lost(text: str) -> None:
    with pytest.raises(Unreadable, match="invalid_number"):
        amount(text)


def test_a_time_of_other_digits_is_refused() -> None:
    with pytest.raises(Unreadable, match="invalid_time"):
        time_of("²" * 10, ISRAEL)


def test_what_is_no_amount_or_date_is_refused() -> None:
    with pytest.raises(Unreadable, match="invalid_time"):
        time_of("31/31/2026", ISRAEL)
    with pytest.raises(Unreadable, match="invalid_number"):
        event_of({"value": "12 and more"}, ISRAEL)
    assert event_of({"value": "₪ 1,349.90"}, ISRAEL)["order"] == {"value": 1349.9}
    assert event_of({"value": "1.349,90"}, ISRAEL)["order"] == {"value": 1349.9}


def test_the_command(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "crm.csv"
    path.write_text("Client;Step;When\n77;won;2026-11-20\n", "utf-8")
    options = [
        "--type",
        "track",
        "--map",
        "Client=identifiers.crm_id",
        "--map",
        "Step=name",
        "--map",
        "When=created_at",
    ]
    done = run_netiv(
        tmp_path,
        "import",
        str(path),
        "--secret-key",
        SECRET,
        *options,
        "--json",
        NETIV_URL=f"http://127.0.0.1:{collector.port}",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == 1
    (event,) = events(collector).values()
    assert (event["type"], event["name"], event["identifiers"]) == ("track", "won", {"crm_id": "77"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--map", "Clinet=user_id"], "no column 'Clinet'"),
        (["--map", "Sum=order.valeu"], "no field 'order.valeu'"),
        (["--map", "Sum=bogus"], "no field 'bogus'"),
        (["--delimiter", ";;"], "is no delimiter"),
        (["--encoding", "klingon"], "no encoding klingon"),
    ],
)
def test_options_that_would_lose_something_are_told(tmp_path: Path, options: list[str], says: str) -> None:
    path = tmp_path / "crm.csv"
    path.write_text("Client;Sum\n77;5\n", "utf-8")
    done = run_netiv(tmp_path, "import", str(path), "--secret-key", SECRET, *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_where_a_column_may_lead() -> None:
    assert all(
        map(is_field, ("email", "order.value", "identifiers.crm_id", "properties.a b", "context.click_ids.gclid"))
    )
    assert is_field("context.campaign.name")
    assert not any(map(is_field, ("order", "order.sum", "properties.", "context.campaign.nam", "mail")))


def test_a_bar_for_whoever_watches(collector: Running, tmp_path: Path) -> None:
    path = tmp_path / "store.csv"
    path.write_text(HEADER + LINE * 1_200, "utf-8")
    screen, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "netiv", "import", str(path), "--secret-key", SECRET, "--json"], cwd=tmp_path,
            env=environment(tmp_path, NETIV_URL=f"http://127.0.0.1:{collector.port}", TERM="xterm"),
            stdout=subprocess.PIPE, stderr=terminal, timeout=120, check=True,
        )  # fmt: skip
        shown = os.read(screen, 1 << 20).decode()
    finally:
        os.close(terminal)
        os.close(screen)
    assert json.loads(done.stdout)["accepted"] == 1_200
    assert "store.csv" in shown
    assert "1201/1201" in shown


def test_a_public_key_imports_nothing(collector: Running, tmp_path: Path) -> None:
    """Its rows would be visits of the importing machine, and one that names nobody a new visitor."""
    path = tmp_path / "store.csv"
    path.write_text("date,value,user_id\n20/11/2026,1,\n20/11/2026,2,u-1\n", "utf-8")
    with pytest.raises(CommandError) as refused:
        imported(collector, path, key=WRITE)
    assert "secret key" in refused.value.hint
    assert collector.records() == []
