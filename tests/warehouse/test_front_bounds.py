"""What one caller can take: bytes before it is known, time, connections, turns; and bad input that gets ClickHouse's errors."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest

from consumers.warehouse import front_protocol, front_sending
from consumers.warehouse.front import create_front
from consumers.warehouse.front_access import FrontAccess, Refused
from consumers.warehouse.front_serving import serve_front
from consumers.warehouse.front_sessions import Sessions
from tests.warehouse.outside import running

pytestmark = pytest.mark.anyio
POST = b"POST /?%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
HEAVY = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"


async def reached(condition):
    """Wait for it, with a deadline."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


@asynccontextmanager
async def served(warehouse, **access):
    """A front of its own, its port and a client."""
    front = create_front(warehouse, FrontAccess(user="bi", password="geheim", **access))
    async with serve_front(front, "127.0.0.1", 0) as port:
        base = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(base_url=base, timeout=30, limits=httpx2.Limits(max_connections=None)) as http:
            yield front, port, http


async def sent(port, *pieces):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    return reader, writer


async def answer(port, *pieces):
    """All that comes until the server closes."""
    reader, writer = await sent(port, *pieces)
    async with asyncio.timeout(10):
        text = await reader.read()
    writer.close()
    return text


async def test_who_may_not_ask_is_told_before_the_body_is_kept(canary):
    async with served(canary) as (front, port, _):
        for options in (b"user=nobody", b"user=bi&password=falsch"):
            text = await answer(port, POST % (options, 15_000_000), b"x" * 500_000)
            assert text.startswith(b"HTTP/1.1 403 ")
            assert b"connection: close" in text
            assert b"516" in text
        assert front._bodies.held == 0
        small = await answer(
            port, (POST % (b"user=nobody", 8)).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"SELECT 1"
        )
        assert small.startswith(b"HTTP/1.1 403 ")


async def test_a_form_is_no_proof_of_who_asks(http):
    form = {"user": (None, "nobody"), "password": (None, "x"), "query": (None, "SELECT currentDatabase()")}
    assert (await http.post("/", files=form)).text == "netiv\n"
    refused = await http.post("/", files=form, headers={"X-ClickHouse-User": "bi", "X-ClickHouse-Key": "no"})
    assert refused.status_code == 403


async def test_bodies_share_a_bound(canary):
    async with served(canary, body_bytes_max=1_000_000, held_bytes_max=1_500_000) as (front, port, http):
        _, first = await sent(port, POST % (b"", 999_999), b" " * 900_000)
        await reached(lambda: front._bodies.held >= 900_000)
        second = await answer(port, POST % (b"", 999_999), b" " * 900_000)
        assert second.startswith(b"HTTP/1.1 503 ")
        assert (await answer(port, POST % (b"", 1_000_001))).startswith(b"HTTP/1.1 413 ")
        first.close()
        await reached(lambda: not front._bodies.held)
        assert (await http.post("/", content="SELECT 1" + " " * 200_000)).text == "1\n"


async def test_statements_have_a_size_and_parameters_more(http):
    long = await http.post("/", content="SELECT 1" + " " * 1_100_000)
    assert (long.status_code, long.headers["x-clickhouse-exception-code"]) == (400, "62")
    form = {"param_s": (None, "x" * 3_000_000), "query": (None, "SELECT length({s:String})")}
    assert (await http.post("/", files=form)).text == "3000000\n"


async def test_slow_bodies_end(canary):
    async with served(canary, body_timeout_s=0.2) as (_, port, _):
        text = await answer(port, POST % (b"", 100), b"SELECT 1")
        assert text.startswith(b"HTTP/1.1 408 ")
        assert b"Code: 159." in text


async def test_slow_and_endless_heads_end(canary, monkeypatch):
    monkeypatch.setattr(front_protocol, "HEAD_TIMEOUT_S", 0.2)
    async with served(canary) as (_, port, _):
        assert await answer(port) == b""
        for started in (b"GET /?que", b"GET / HTTP/1.1\r\nHost: localhost\r\nX:"):
            assert (await answer(port, started)).startswith(b"HTTP/1.1 400 ")
        # A second request on a kept connection owes its head as well.
        text = await answer(port, b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /p")
        assert text.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 400 " in text
    monkeypatch.setattr(front_protocol, "HEAD_TIMEOUT_S", 10.0)
    monkeypatch.setattr(front_protocol, "HEAD_BYTES_MAX", 10_000)
    async with served(canary) as (_, port, _):
        assert (await answer(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000)).startswith(b"HTTP/1.1 400 ")


async def test_connections_are_counted(canary, monkeypatch):
    monkeypatch.setattr(front_protocol, "CONNECTIONS_MAX", 2)
    async with served(canary) as (_, port, _):
        ping = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
        kept = [await sent(port, ping) for _ in range(2)]
        for reader, _ in kept:
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        assert (await answer(port, ping)).startswith(b"HTTP/1.1 503 ")
        for _, writer in kept:
            writer.close()


async def test_an_offer_of_http2_loses_no_body(port):
    """As Java's client sends its first request."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    for method, path in ((b"POST", b"/"), (b"GET", b"/?query=SELECT+42"), (b"POST", b"/?query=SELECT+42")):
        body = b"SELECT 42" if path == b"/" else b""
        head = b"%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n" % (method, path, offer, len(body))
        after = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        for pieces in ([head + body + after], [head[:60], head[60:], body[:4], body[4:], after]):
            text = await answer(port, *pieces)
            assert text.count(b"HTTP/1.1 200 ") == 2, text
            assert b"42\n" in text
    assert (await answer(port, b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_thousand_offers_in_one_piece(port):
    one = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    last = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    text = await answer(port, one * 1500 + last)
    assert text.count(b"HTTP/1.1 200 ") == 1501


async def test_answers_go_out_in_pieces(port):
    """So that a slow client is told from one that reads nothing."""
    sql = b"SELECT repeat('x', 1000) FROM numbers(3000) FORMAT TSVWithNames"
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(sql)
    _, _, rest = (await answer(port, head + sql)).partition(b"\r\n\r\n")
    sizes = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        sizes.append(int(size, 16))
        rest = rest[sizes[-1] + 2 :]
    assert sum(sizes) > 3_000_000
    assert max(sizes) <= 256 * 1024
    assert sizes[-1] == 0


async def test_who_reads_nothing_holds_no_connection(canary, monkeypatch):
    monkeypatch.setattr(front_protocol, "STALL_S", 0.2)
    monkeypatch.setattr(front_protocol, "CONNECTIONS_MAX", 1)
    ping = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    sql = b"SELECT repeat('x', 1000) FROM numbers(30000) FORMAT TSVWithNames"
    async with served(canary, stall_s=0.2) as (_, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(POST % (b"", len(sql)) + sql)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        assert (await answer(port, ping)).startswith(b"HTTP/1.1 503 ")
        async with asyncio.timeout(20):
            while not (await answer(port, ping)).startswith(b"HTTP/1.1 200 "):
                pass
        writer.close()


async def test_an_answer_that_is_kept_until_it_is_whole_is_bounded(http, monkeypatch):
    monkeypatch.setattr(front_sending, "WHOLE_BYTES_MAX", 1024 * 1024)
    sql = f"SELECT number AS `{'x' * 1000}` FROM numbers(3000) FORMAT JSONEachRow SETTINGS max_block_size = 100"
    refused = await http.post("/", params={"wait_end_of_query": "1"}, content=sql)
    assert refused.headers["x-clickhouse-exception-code"] == "396"
    streamed = await http.post("/", content=sql)
    assert len(streamed.content) > 3_000_000
    whole = await http.post("/", params={"wait_end_of_query": "1"}, content="SELECT 1")
    assert whole.text == "1\n"


async def test_a_form_has_as_many_fields_as_an_address(http):
    part = b'--B\r\nContent-Disposition: form-data; name="param_%d"\r\n\r\n1\r\n'
    kind = {"Content-Type": 'multipart/form-data; boundary="B"'}
    for count, code in ((2000, None), (2001, "36")):
        body = b"".join(part % number for number in range(count)) + b"--B--\r\n"
        answer = await http.post("/", params={"query": "SELECT 1"}, content=body, headers=kind)
        assert answer.headers.get("x-clickhouse-exception-code") == code, answer.text
    nobody = await http.post("/", content=b"SELECT 1", headers={"Content-Type": "multipart/form-data"})
    assert nobody.headers["x-clickhouse-exception-code"] == "36"


async def test_what_a_proxy_here_passes_on_is_not_of_this_machine(http):
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        for value in ("127.0.0.1", "192.0.2.1"):
            refused = await http.get("/", params={"query": "SELECT 1"}, headers={name: value})
            assert refused.headers["x-clickhouse-exception-code"] == "516", name
            known = {"query": "SELECT 1", "user": "bi", "password": "geheim"}
            assert (await http.get("/", params=known, headers={name: value})).text == "1\n"


async def test_sessions_wait_their_turn(canary):
    async with served(canary, queries_max=1) as (front, _, http):
        for name in ("a", "b"):
            await http.post("/", params={"session_id": name}, content="SET max_threads = 1")
        heavy = asyncio.create_task(http.get("/", params={"session_id": "a", "query": HEAVY}))
        await running(canary, 1)
        others = [
            asyncio.create_task(http.get("/", params={"query": "SELECT 1"} | options))
            for options in ({}, {"session_id": "b"})
        ]
        await reached(lambda: front._turns._waiting == 2)
        heavy.cancel()
        assert [(await other).text for other in others] == ["1\n", "1\n"]


async def test_a_temporary_table_is_not_filled_for_nobody(canary):
    async with served(canary) as (_, _, http):
        filling = http.post("/", params={"session_id": "a"}, content=f"CREATE TEMPORARY TABLE t AS {HEAVY}")
        task = asyncio.create_task(filling)
        await running(canary, 1)
        task.cancel()
        await running(canary, 0)


FILLED = "CREATE TEMPORARY TABLE %s AS SELECT number FROM numbers(1000000)"  # 8 MB


async def test_temporary_tables_are_bounded_together(canary):
    async with served(canary, temporary_bytes_max=12_000_000) as (front, _, http):

        async def made(name, sql):
            answer = await http.post("/", params={"session_id": name}, content=sql)
            return answer.headers.get("x-clickhouse-exception-code", "made"), answer.text

        assert (await made("a", FILLED % "t"))[0] == "made"
        code, text = await made("b", FILLED % "t")
        assert code == "241"
        assert "12000000" not in text
        assert "all sessions together may take 11 MiB" in text
        assert sum(front._sessions.temporary_bytes.values()) < 12_000_000
        unknown = await http.post("/", params={"session_id": "b"}, content="SELECT count() FROM t")
        assert unknown.headers["x-clickhouse-exception-code"] == "60"  # it was dropped again
        assert (await made("b", "CREATE TEMPORARY TABLE small AS SELECT 1 AS n"))[0] == "made"
        assert (await made("a", FILLED % "t"))[0] == "57"  # there is one: it stays
        own = {"session_id": "a", "session_timeout": "0"}
        assert (await http.post("/", params=own, content="SELECT count() FROM t")).text == "1000000\n"
        await reached(lambda: len(front._sessions.temporary_bytes) == 1)
        assert (await made("c", FILLED % "`t 2`"))[0] == "made"


@pytest.mark.parametrize("settings", ["max_rows_to_read = 1", "max_rows_to_read = 1, read_overflow_mode = 'break'"])
async def test_settings_of_a_session_hide_no_temporary_table(canary, settings):
    async with served(canary, temporary_bytes_max=12_000_000) as (_, _, http):
        await http.post("/", params={"session_id": "a"}, content=f"SET extremes = 1, {settings}")
        codes = []
        for name in "tuv":
            sql = FILLED % name + " SETTINGS max_rows_to_read = 0"
            answer = await http.post("/", params={"session_id": "a"}, content=sql)
            codes.append(answer.headers.get("x-clickhouse-exception-code"))
        assert codes == [None, "241", "241"]


async def test_sessions_that_open_at_once_are_counted_before_they_are_open():
    opening = asyncio.Event()

    class Opened:
        async def close(self):
            """Nothing is open."""

    async def open_lane():
        await opening.wait()
        return Opened()

    sessions = Sessions(open_lane, count_max=1, ids_max=2)

    async def ask(name):
        async with sessions.use(("default", name), 60, must_exist=False) as session:
            return await sessions.lane(session)

    tasks = [asyncio.create_task(ask(name)) for name in "ab"]
    done, _ = await asyncio.wait(tasks, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(Refused, match="More than 1 sessions"):
        await done.pop()
    opening.set()
    await asyncio.wait(tasks)
    with pytest.raises(Refused, match="Too many sessions"):
        await ask("c")
    await sessions.close()


async def test_long_statements_are_not_remembered(canary):
    async with served(canary) as (front, _, http):
        for sql in ("SELECT 1", "SELECT 2" + " " * 10_000):
            assert (await http.post("/", content=sql)).status_code == 200
        assert list(front._reader._cache) == ["SELECT 1"]


@pytest.mark.parametrize("seconds", ["abc", "nan", "inf", "-1", "1.5", "٣"])
async def test_a_bad_session_timeout(http, seconds):
    bad = await http.get("/", params={"query": "SELECT 1", "session_id": "s", "session_timeout": seconds})
    assert (bad.status_code, bad.headers["x-clickhouse-exception-code"]) == (400, "374")
    good = await http.get("/", params={"query": "SELECT 1", "session_id": "s", "session_timeout": "99999999999999999"})
    assert good.status_code == 200


async def test_bad_input_gets_an_error_of_clickhouse(http):
    many = await http.get("/?" + "&".join(f"a{number}=1" for number in range(2001)))
    assert (many.status_code, many.headers["x-clickhouse-exception-code"]) == (400, "36")
    form = await http.post("/", files={"param_x": (None, b"\xff\xfe"), "query": (None, "SELECT {x:String}")})
    assert (form.status_code, form.headers["x-clickhouse-exception-code"]) == (400, "36")
    named = await http.get("/", params={"query": "SELECT 1", "query_id": "a\r\nX-Evil: 1"})
    assert (named.status_code, named.headers["x-clickhouse-query-id"]) == (200, "a??X-Evil: 1")
    assert "x-evil" not in named.headers
    long = await http.get("/", params={"query": "SELECT 1", "session_id": "x" * 600})
    assert long.status_code == 503


async def test_a_set_that_nobody_remembers_is_looked_at_and_leaves_nothing(http):
    for sql, status in [
        ("SET nosuch = 1", 404),
        ("SET join_algorithm = 'nonsense'", 500),
        ("SET max_block_size = 7, extremes = DEFAULT", 200),
        ("USE default", 200),
    ]:
        assert (await http.post("/", content=sql)).status_code == status, sql
    seen = {
        (await http.get("/", params={"query": "SELECT getSetting('max_block_size'), currentDatabase()"})).text
        for _ in range(4)
    }
    assert len(seen) == 1
    assert seen != {"7\tnetiv\n"}
    assert seen.pop().endswith("\tnetiv\n")
