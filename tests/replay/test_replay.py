"""A corpus of which some is spoilt in twenty ways: all of that is found with its code; mended and replayed, the tables are
those of the clean run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from simulation.stack import Stack

from eventlog.clock import epoch_ms
from eventlog.embedded import open_embedded_log
from netiv.commands.replay import replay
from netiv.http import Client
from netiv.replaying.entering import Mender, enter
from netiv.replaying.listing import PAGE, Listing
from netiv.replaying.patch import parse
from tests.replay.corruption import WAYS, text

COUNT = 400
EVERY = 20  # five per cent


def corpus() -> list[dict[str, Any]]:
    """Visits and orders of some people. Client clocks on every event, so that what comes again comes at its own time."""
    events = []
    for number in range(COUNT):
        visitor, moment = f"v-{number % 40}", 1795177800000 + number * 61_000
        events.append(
            {
                "type": "page" if number % 7 else "conversion", "event_id": f"e-{number}", "visitor_id": visitor, "name": f"step {number}",
                "created_at": moment, "sent_at": moment + 1_000, "properties": {"note": "שלום", "n": 1},
                "context": {"url": f"https://shop.example/{number}?utm_source=s{number % 3}&utm_medium=cpc"},
            }
        )  # fmt: skip
    return events


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("replay"))
    yield running
    assert running.stop() == 0


def send(stack: Stack, key: str, pieces: list[bytes]) -> dict[str, Any]:
    client = Client(stack.url)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "user-agent": "Mozilla/5.0"}
    answer = client.request("POST", "/v1/events", b'{"events":[' + b",".join(pieces) + b"]}", headers)
    client.close()
    assert answer.status == 202
    return answer.json()


TABLES_SQL = [
    """SELECT event_id, visitor_id, person_id, type, name, created_at, sent_at, url, utm_source, properties, device_type, dialect
    FROM v_events WHERE site = {site:String} ORDER BY event_id""",
    """SELECT visitor_id, person_id, events, pageviews, source, entry_url, exit_url, dateDiff('second', started_at, ended_at)
    FROM v_sessions WHERE site = {site:String} ORDER BY visitor_id, entry_url""",
    "SELECT name, person_id, value FROM v_conversions WHERE site = {site:String} ORDER BY name",
    "SELECT name, path_channels, path_sources FROM v_conversion_paths WHERE site = {site:String} ORDER BY name",
    # all of it at the time of its one request, and each a second after it was made
    """SELECT uniqExact(received_at), uniqExact(dateDiff('millisecond', ts, received_at)), any(dateDiff('millisecond', ts, received_at))
    FROM v_events WHERE site = {site:String}""",
]


def rows(stack: Stack, sql: str, site: str) -> list[list[Any]]:
    warehouse = stack.warehouse()
    found = warehouse.query(sql, {"site": site}).rows
    warehouse.close()
    return found


def replayed(stack: Stack, capsys: pytest.CaptureFixture[str], where: str, patch: str) -> dict[str, Any]:
    """The command, without the second that a new process takes."""
    capsys.readouterr()
    replay(
        where,
        patch,
        dry_run=False,
        again=False,
        from_offset=None,
        data=stack.folder / "data",
        clickhouse_url=stack.welcome["clickhouse"],
        json=True,
    )
    return json.loads(capsys.readouterr().out)


def test_the_log_is_read_again_where_nothing_is_missing(stack: Stack) -> None:
    key = stack.add_site("again")["write_key"]
    send(stack, key, [text(event) for event in corpus()[:20]])
    stack.wait_derived()
    assert json.loads(stack.netiv("replay", "--from-offset", "0:0", "--json").stdout) == {"count": 0}
    for wrong, why in (
        (("--from-offset", "7:0"), "no partition 7"),
        (("--from-offset", "7:0"), "Write 0:OFFSET"),
        (("--from-offset", "0:21"), "Partition 0 of the log ends at 20."),
        (("--where", "cod = 'x'", "--clickhouse-url", stack.welcome["clickhouse"]), "Columns: DESCRIBE bad_events"),
        (("--from-offset", "soon"), "no place in the log"),
        (("--from-offset", "0:0", "--where", "1"), "either --where or --from-offset"),
        ((), "either --where or --from-offset"),
    ):
        done = stack.netiv("replay", *wrong, check=False)
        assert done.returncode != 0
        assert why in done.stderr
    log = stack.errors.read_text()
    assert "stopped" not in log, "what was asked for in vain troubles nobody else"


def test_spoilt_events_are_found_and_replayed(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {name: stack.add_site(name)["write_key"] for name in ("clean", "spoilt")}
    events = corpus()
    spoilt = {number: WAYS[number // EVERY % len(WAYS)] for number in range(0, COUNT, EVERY)}
    assert len(set(spoilt.values())) == len(WAYS) == 20
    send(stack, keys["clean"], [text(event) for event in events])
    told = send(
        stack,
        keys["spoilt"],
        [spoilt[n].spoil(event) if n in spoilt else text(event) for n, event in enumerate(events)],
    )
    assert {one["index"]: one["code"] for one in told["rejected"]} == {n: way.code for n, way in spoilt.items()}
    stack.wait_derived()
    listed = rows(stack, "SELECT code FROM bad_events WHERE site = {site:String} ORDER BY log_off", "spoilt")
    assert [row[0] for row in listed] == [spoilt[n].code for n in sorted(spoilt)]
    report = json.loads(stack.netiv("report", "bad", "--site", "spoilt", "--json").stdout)
    assert sum(int(row["events"]) for row in report) == len(spoilt)
    assert all(row["cure"] for row in report)
    offsets = rows(stack, "SELECT log_off FROM bad_events WHERE site = {site:String} ORDER BY log_off", "spoilt")
    for (offset,), number in zip(offsets, sorted(spoilt), strict=True):
        patch = json.dumps(spoilt[number].mend(events[number]))
        done = replayed(stack, capsys, f"site = 'spoilt' AND log_off = {offset}", patch)
        assert (done["replayed"], done["still_bad"]) == (1, {}), spoilt[number].code
    stack.wait_derived()
    clean = [rows(stack, sql, "clean") for sql in TABLES_SQL]
    assert [rows(stack, sql, "spoilt") for sql in TABLES_SQL] == clean
    # what is mended is left out from now on, and taking it in again changes nothing
    first = json.dumps(spoilt[0].mend(events[0]))
    done = json.loads(stack.netiv("replay", "--where", "site = 'spoilt' OR 1", "--patch", first, "--json").stdout)
    assert (done["bad_events"], done["replayed"], done["stored"]) == (0, 0, False)
    assert json.loads(stack.netiv("report", "bad", "--site", "spoilt", "--json").stdout) == []
    assert len(rows(stack, "SELECT 1 FROM bad_events FINAL WHERE site = {site:String}", "spoilt")) == len(spoilt)
    place = f"site = 'spoilt' AND log_off = {offsets[0][0]}"
    done = json.loads(stack.netiv("replay", "--again", "--where", place, "--patch", first, "--json").stdout)
    assert (done["bad_events"], done["replayed"], done["mended"]) == (1, 1, 1)
    elsewhere = ("--data", str(stack.folder / "elsewhere"), "--clickhouse-url", stack.welcome["clickhouse"])
    lost = stack.netiv("replay", "--again", "--where", place, "--patch", first, *elsewhere, check=False)
    assert "There is no log in" in lost.stderr, "events are put into no log that nobody reads"
    assert not (stack.folder / "elsewhere").exists()
    stack.wait_derived()
    for sql in TABLES_SQL:
        assert rows(stack, sql, "spoilt") == rows(stack, sql, "clean"), sql


class Interrupted(Exception):
    """Somebody's Ctrl-C."""


def test_a_replay_goes_in_page_by_page_and_goes_on_where_it_was_cut_short(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    key = stack.add_site("pages")["write_key"]
    count = PAGE + 500
    bad = [b'{"type": "pagee", "event_id": "p-%d", "visitor_id": "v-%d"}' % (n, n % 9) for n in range(count)]
    for start in range(0, count, 500):
        send(stack, key, bad[start : start + 500])
    stack.wait_derived()
    warehouse = stack.warehouse()
    listing = Listing(warehouse, "site = 'pages'", again=False)
    lanes = listing.lanes()
    send(stack, key, [b'{"type": "pagee", "event_id": "late", "visitor_id": "v"}'])
    stack.wait_derived()
    assert [lane.events for lane in lanes] == [count]
    assert [len(page) for lane in lanes for page in listing.pages(lane)] == [PAGE, 500], "what came since is left out"
    operations = parse(b'[{"op": "replace", "path": "/type", "value": "page"}]')

    def interrupt(done: int, total: int) -> None:
        assert (done, total) == (PAGE, count)
        raise Interrupted

    async def cut_short() -> None:
        log = await open_embedded_log(stack.folder / "data" / "log")
        try:
            await enter(log, listing, lanes, Mender(operations, {}, epoch_ms), interrupt)
        finally:
            await log.close()

    with pytest.raises(Interrupted):
        asyncio.run(cut_short())
    warehouse.close()
    stack.wait_derived()
    patch = '[{"op": "replace", "path": "/type", "value": "page"}]'
    done = replayed(stack, capsys, "site = 'pages'", patch)
    assert (done["bad_events"], done["mended"]) == (501, 501)
    stack.wait_derived()
    assert rows(stack, "SELECT count(), uniqExact(event_id) FROM v_events WHERE site = {site:String}", "pages") == [
        [count + 1, count + 1]
    ]
