"""ClickHouse's HTTP interface, feature by feature, with plain requests."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import struct
import zlib

import httpx2
import lz4.block
import lz4.frame
import pytest
from clickhouse_connect.driver.compression import _zstd_compress, _zstd_decompress

from consumers.warehouse.front_native import checksum, frames
from tests.warehouse.outside import running

pytestmark = pytest.mark.anyio


async def ask(http, sql, **options):
    answer = await http.get("/", params={"query": sql} | options)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
async def test_liveness(http, path):
    answer = await http.get(path)
    assert (answer.status_code, answer.text) == (200, "Ok.\n")


async def test_unknown_paths_are_not_found(http):
    assert (await http.get("/play")).status_code == 404


async def test_the_query_comes_by_parameter_by_body_or_by_both(http):
    assert await ask(http, "SELECT n FROM canary ORDER BY n") == "1\n2\n3\n"
    assert (await http.post("/", content="SELECT 1 + 1;")).text == "2\n"
    assert (await http.post("/", params={"query": "SELECT n"}, content="FROM canary WHERE n = 2 -- end")).text == "2\n"
    assert (await http.post("/", content="SELECT ';', '--' /* a ; b */")).text == ";\t--\n"


async def test_formats(http):
    assert json.loads(await ask(http, "SELECT 1 AS a FORMAT JSONEachRow")) == {"a": 1}
    assert await ask(http, "SELECT 1 AS a", default_format="CSVWithNames") == '"a"\n1\n'
    by_header = await http.post("/", content="SELECT 1 AS a", headers={"X-ClickHouse-Format": "JSONCompact"})
    assert by_header.json()["data"] == [[1]]
    assert by_header.headers["x-clickhouse-format"] == "JSONCompact"
    assert by_header.headers["content-type"].startswith("application/json")
    assert json.loads(by_header.headers["x-clickhouse-summary"])["result_rows"] == "1"
    statement_wins = await http.get("/", params={"query": "SELECT 1 FORMAT TSV", "default_format": "JSON"})
    assert (statement_wins.text, statement_wins.headers["x-clickhouse-format"]) == ("1\n", "TSV")
    empty = await http.get("/", params={"query": "SELECT n FROM canary WHERE 0 FORMAT JSON"})
    assert (empty.json()["rows"], empty.json()["meta"][0]["name"]) == (0, "n")
    assert "canary" in await ask(http, "SHOW TABLES FORMAT JSONEachRow")
    assert (await http.get("/", params={"query": "SELECT 1 FORMAT Nonsense"})).status_code == 404


async def test_parameters_in_the_wires_escaping(http):
    text = await ask(http, "SELECT {s:String}, {l:Array(UInt8)}", param_s="a\\tb'c", param_l="[1,2]")
    assert text == "a\\tb\\'c\t[1,2]\n"
    assert await ask(http, "SELECT count() FROM {t:Identifier}", param_t="canary") == "3\n"
    missing = await http.get("/", params={"query": "SELECT {nope:String}"})
    assert (missing.status_code, missing.headers["x-clickhouse-exception-code"]) == (400, "456")
    form = await http.post("/", files={"param_x": (None, "long'value"), "query": (None, "SELECT {x:String}")})
    assert form.text == "long\\'value\n"


async def test_settings_as_options(http):
    sql = "SELECT toUInt64(1) AS a FORMAT JSONEachRow"
    assert json.loads(await ask(http, sql, output_format_json_quote_64bit_integers="1")) == {"a": "1"}
    assert json.loads(await ask(http, sql, output_format_json_quote_64bit_integers="0")) == {"a": 1}
    unknown = await http.get("/", params={"query": "SELECT 1", "no_such_setting": "1"})
    assert (unknown.status_code, unknown.headers["x-clickhouse-exception-code"]) == (404, "115")


async def test_limits_that_tools_send_change_nothing_where_they_are_above_ours(http):
    lifted = {"max_execution_time": "3600", "max_result_rows": "0", "max_memory_usage": "18446744073709551615"}
    sql = ", ".join(f"getSetting('{name}')" for name in lifted)
    ours = await ask(http, f"SELECT {sql}")
    assert await ask(http, f"SELECT {sql}", **lifted, max_threads="16", readonly="1") == ours
    assert await ask(http, f"SELECT {sql}", max_execution_time="5") == ours.replace("60", "5", 1)
    assert await ask(http, "SELECT getSetting('readonly')", readonly="1") == "2\n"
    # Where more was wanted than is given, the answer does not end quietly at our limit.
    whole = {"max_result_rows": "2000000", "result_overflow_mode": "break", "wait_end_of_query": "1"}
    answer = await http.get("/", params={"query": "SELECT 1 FROM numbers(1500000)", **whole})
    assert answer.headers["x-clickhouse-exception-code"] == "396"


async def test_a_database_in_a_header(http):
    named = {"X-ClickHouse-Database": "netiv"}
    assert (await http.get("/", params={"query": "SELECT count() FROM canary"}, headers=named)).text == "3\n"
    unknown = {"X-ClickHouse-Database": "elsewhere"}
    answer = await http.get("/", params={"query": "SELECT 1"}, headers=unknown)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (404, "81")


async def test_formats_that_are_keywords_too(http):
    assert await ask(http, "SELECT 1, 'a' FORMAT Values") == "(1,'a')"
    assert await ask(http, "SELECT 1 FORMAT Null SETTINGS max_threads = 1") == ""
    answer = await http.get("/", params={"query": "SELECT 1 FORMAT `Template`"})
    assert answer.headers["x-clickhouse-exception-code"] == "73"


async def test_stars_of_system_tables_give_everything_but_paths(http, tmp_path):
    for sql in (
        "SELECT name AS TABLE_NAME, engine AS TABLE_TYPE, * FROM system.tables WHERE database = 'netiv'",
        "SELECT t.*, d.* FROM system.tables t JOIN system.databases d ON t.database = d.name",
        "SELECT DISTINCT * EXCEPT (uuid) FROM (SELECT * FROM system.databases)",
        "SELECT * REPLACE ('x' AS engine) FROM system.tables WHERE 2 * 3 = 6",
        "SELECT toString(tuple(t.*)) FROM system.tables AS t",
        "FROM system.databases",
        "SELECT * FROM system.parts WHERE table = 'canary'",
        "SELECT database, table, sum(bytes), sum(rows), max(modification_time) FROM system.parts WHERE active GROUP BY ALL",
    ):
        answer = await ask(http, sql + " FORMAT JSONEachRow")
        assert "netiv" in answer
        assert "_path" not in answer
        assert str(tmp_path) not in answer


async def test_a_client_ends_its_own_query_by_id(http, canary):
    slow = {
        "query": "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1",
        "query_id": "q-1",
        "session_id": "s",
    }
    kill = "KILL QUERY WHERE query_id = 'q-1'"
    first = asyncio.create_task(http.get("/", params=slow))
    async with asyncio.timeout(20):
        await running(canary, 1)
        named = httpx2.BasicAuth("bi", "geheim")
        assert (await http.post("/", content=kill, auth=named)).text == ""  # another user's it is not
        assert (await http.post("/", content=kill, params={"session_id": "s"})).text == "waiting\tq-1\tdefault\t\n"
        assert (await first).headers["x-clickhouse-exception-code"] == "394"
    for other in (kill + " OR 1", "KILL QUERY WHERE query_id = 'q-1' TEST", "KILL QUERY WHERE 1"):
        assert (await http.post("/", content=other)).status_code == 403


async def test_an_error_of_one_reader_leaves_nothing_in_anothers_answer(http):
    late = "SELECT number, throwIf(number = 5000) FROM numbers(10000) FORMAT JSON SETTINGS max_block_size = 1000"
    for _ in range(4):  # every lane has its turn
        assert (await http.get("/", params={"query": late})).headers["x-clickhouse-exception-code"] == "395"
    for sql in ("SELECT 'x'", "SELECT 'x' FORMAT TSVRaw", "SELECT 'x' FORMAT TSV", "SELECT 'x' FORMAT CustomSeparated"):
        assert await ask(http, sql) == "x\n"


async def test_a_client_with_a_protocol_version_is_told_the_one_that_is_written(http):
    asked = {"client_protocol_version": "54460", "default_format": "Native"}
    answer = await http.post("/", params=asked, content="SELECT displayName(), version(), revision(), timezone()")
    assert answer.content.startswith(b"\1\0\2\xff\xff\xff\xff\0\4\1\x0ddisplayName()\6String\0\5netiv")
    assert b"\x0arevision()\6UInt32\0\0\0\0\0" in answer.content


async def test_errors_are_clickhouses(http):
    for sql, status, code in [
        ("SELEC 1", 400, "62"),
        ("SELECT nope", 404, "47"),
        ("SELECT * FROM nope", 404, "60"),
        ("SELECT nope()", 404, "46"),
        ("SELECT toUInt8('x')", 400, "6"),
        ("SELECT throwIf(1)", 500, "395"),
        ("DROP TABLE canary", 403, "497"),
    ]:
        answer = await http.post("/", content=sql)
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, code), answer.text
        assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
        assert "netiv:" not in answer.text
        assert "formatQuery" not in answer.text


async def test_headers(http):
    answer = await http.get("/", params={"query": "SELECT 1", "query_id": "mine"})
    assert answer.headers["x-clickhouse-query-id"] == "mine"
    assert answer.headers["x-clickhouse-server-display-name"] == "netiv"
    assert answer.headers["x-clickhouse-timezone"]
    assert len((await http.get("/", params={"query": "SELECT 1"})).headers["x-clickhouse-query-id"]) == 32
    assert (await http.head("/", params={"query": "SELECT 1"})).content == b""


@pytest.mark.parametrize(
    ("encoding", "decode"),
    [
        ("gzip", lambda body: zlib.decompress(body, 31)),
        ("deflate", zlib.decompress),
        ("zstd", _zstd_decompress),
        ("lz4", lz4.frame.decompress),
    ],
)
async def test_answers_are_compressed_on_request(http, encoding, decode):
    options = {"query": "SELECT number FROM numbers(200000)", "enable_http_compression": "1"}
    async with http.stream("GET", "/", params=options, headers={"Accept-Encoding": f"br, {encoding}"}) as answer:
        body = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == encoding
    assert decode(body).splitlines()[-1] == b"199999"
    plain = await http.get("/", params=options | {"enable_http_compression": "0"})
    assert "content-encoding" not in plain.headers
    error = options | {"query": "SELEC"}
    async with http.stream("GET", "/", params=error, headers={"Accept-Encoding": encoding}) as answer:
        body = b"".join([piece async for piece in answer.aiter_raw()])
    assert decode(body).startswith(b"Code: 62.")


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("zstd", _zstd_compress), ("lz4", lz4.frame.compress)]
)
async def test_bodies_may_be_compressed(http, encoding, encode):
    answer = await http.post("/", content=encode(b"SELECT 42"), headers={"Content-Encoding": encoding})
    assert answer.text == "42\n"
    broken = await http.post("/", content=b"SELECT 42", headers={"Content-Encoding": encoding})
    assert broken.status_code == 400


async def test_bombs_and_large_bodies_stop_at_the_limit(http):
    bomb = gzip.compress(b"SELECT 1" + b" " * (80 * 1024**2))
    answer = await http.post("/", content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    unknown = await http.post("/", content=b"SELECT 1", headers={"Content-Encoding": "rot13"})
    assert unknown.status_code == 400


def unframed(body):
    plain = b""
    while body:
        head = struct.unpack("<BII", body[16:25])
        frame, body = body[: 16 + head[1]], body[16 + head[1] :]
        assert checksum(frame[16:]) == frame[:16]
        plain += lz4.block.decompress(frame[25:], uncompressed_size=head[2])
    return plain


async def test_native_compression(http):
    answer = await http.get("/", params={"query": "SELECT number FROM numbers(500000)", "compress": "1"})
    assert unframed(answer.content).splitlines()[-1] == b"499999"
    error = await http.get("/", params={"query": "SELEC", "compress": "1"})
    assert unframed(error.content).startswith(b"Code: 62.")
    refused = await http.post("/", params={"decompress": "1"}, content=b"x")
    assert refused.status_code == 501


async def test_an_error_in_packed_data_can_be_read_where_it_stands(http):
    """clickhouse-go looks for it in the packed bytes."""
    sql = "SELECT throwIf(number = 300000) FROM numbers(600000)"
    body = bytearray()
    with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012 - the answer is wanted too
        async with http.stream("GET", "/", params={"query": sql, "max_threads": "1", "compress": "1"}) as answer:
            async for piece in answer.aiter_raw():
                body += piece
    message = unframed(bytes(body)).partition(b"__exception__\r\n")[2]
    assert b"FUNCTION_THROW_IF_VALUE_IS_NON_ZERO" in message
    assert bytes(body).endswith(message)


@pytest.mark.parametrize("size", [1, 14, 15, 269, 270, 1_048_577])
def test_legible_frames_hold_the_same(size):
    assert unframed(frames(b"x" * size, legible=True)) == b"x" * size


async def test_the_checksum_is_the_engines(canary, tmp_path):
    """Data parts are made of the same frames, written by the engine."""
    part = next((tmp_path / "warehouse").rglob("all_1_1_0/data.bin"))
    stored = part.read_bytes()
    size = struct.unpack("<I", stored[17:21])[0]
    assert checksum(stored[16 : 16 + size]) == stored[:16]


async def test_large_results_stream(http):
    pieces = []
    async with http.stream(
        "GET", "/", params={"query": "SELECT number, 'xxxxxxxxxxxxxxxx' FROM numbers(900000)"}
    ) as answer:
        assert "content-length" not in answer.headers
        pieces = [len(piece) async for piece in answer.aiter_raw()]
    assert len(pieces) > 5


async def test_an_error_in_the_middle_breaks_the_answer(http):
    sql = "SELECT throwIf(number = 300000) FROM numbers(600000)"
    body = bytearray()
    with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012 - the answer is wanted too
        async with http.stream("GET", "/", params={"query": sql, "max_threads": "1"}) as answer:
            assert answer.status_code == 200
            async for piece in answer.aiter_raw():
                body += piece
    tag = answer.headers["x-clickhouse-exception-tag"].encode()
    assert b"__exception__\r\n" + tag in body
    assert b"Code: 395." in body
    whole = await http.get("/", params={"query": sql, "wait_end_of_query": "1"})
    assert (whole.status_code, whole.headers["x-clickhouse-exception-code"]) == (500, "395")


async def test_sessions_keep_settings_and_temporary_tables(http):
    mine = {"session_id": "mine"}
    assert (await http.post("/", params=mine, content="SET max_block_size = 7")).status_code == 200
    assert await ask(http, "SELECT getSetting('max_block_size')", **mine) == "7\n"
    assert await ask(http, "SELECT getSetting('max_block_size')", session_id="other") != "7\n"
    await http.post("/", params=mine, content="CREATE TEMPORARY TABLE small AS SELECT n FROM canary WHERE n > 1")
    assert await ask(http, "SELECT sum(n) FROM small", **mine) == "5\n"
    assert (await http.get("/", params={"query": "SELECT * FROM small"})).status_code == 404
    sessionless = await http.post("/", content="CREATE TEMPORARY TABLE small AS SELECT 1 AS n")
    assert "session_id" in sessionless.text
    checked = {"query": "SELECT 1", "session_check": "1"}
    assert (await http.get("/", params=checked | {"session_id": "new"})).headers["x-clickhouse-exception-code"] == "372"
    assert (await http.get("/", params=checked | mine)).text == "1\n"


async def test_a_session_serves_one_query_at_a_time_and_ends(http, canary):
    slow = {"query": "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1", "session_id": "s"}
    first = asyncio.create_task(http.get("/", params=slow))
    quick = {"query": "SELECT 1", "session_id": "s"}
    async with asyncio.timeout(20):
        await running(canary, 1)
        locked = await http.get("/", params=quick)
        assert locked.headers["x-clickhouse-exception-code"] == "373"
        first.cancel()
        while (await http.get("/", params=quick)).text != "1\n":
            pass
    await http.get("/", params={"query": "SELECT 1", "session_id": "short", "session_timeout": "0"})
    gone = {"query": "SELECT 1", "session_id": "short", "session_check": "1"}
    async with asyncio.timeout(20):
        while (await http.get("/", params=gone)).status_code != 404:
            pass


async def test_who_may_ask(http, port):
    async def status(**options):
        return (await http.get("/", params={"query": "SELECT currentDatabase()"}, **options)).status_code

    assert await status() == 200
    assert await status(auth=("bi", "geheim")) == 200
    assert await status(headers={"X-ClickHouse-User": "bi", "X-ClickHouse-Key": "geheim"}) == 200
    assert await status(headers={"X-ClickHouse-User": "bi", "X-ClickHouse-Key": "falsch"}) == 403
    assert await status(auth=("default", "x")) == 200
    assert await status(auth=("default", "x"), headers={"Host": "evil.example"}) == 403
    assert await status(headers={"Host": "evil.example"}) == 403
    assert (
        await status(headers={"Host": "evil.example", "X-ClickHouse-User": "bi", "X-ClickHouse-Key": "geheim"}) == 200
    )
    assert await status(headers={"Origin": "https://evil.example"}) == 403
    assert await status(headers={"Sec-Fetch-Site": "cross-site"}) == 403
    token = base64.b64encode(b"bi:geheim").decode()
    assert await status(headers={"Authorization": f"Basic {token}"}) == 200
    assert await status(headers={"Authorization": "Basic ///"}) == 403
    refused = await http.get("/", params={"query": "SELECT 1", "user": "bi", "password": "no"})
    assert (refused.status_code, refused.headers["x-clickhouse-exception-code"]) == (403, "516")


async def test_a_query_ends_when_its_client_goes(http, canary):
    sql = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"
    task = asyncio.create_task(http.get("/", params={"query": sql}))
    await running(canary, 1)
    task.cancel()
    await running(canary, 0)


async def test_readers_that_take_nothing_do_not_stop_the_writer_nor_each_other(port, canary):
    big = b"GET /?query=SELECT+number,'%s'+FROM+numbers(900000) HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 200)
    stuck = [await asyncio.open_connection("127.0.0.1", port, limit=1024) for _ in range(3)]
    for _, writer in stuck:
        writer.write(big)
        await writer.drain()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:

        async def read(number):
            answer = await http.get("/", params={"query": f"SELECT {number}, count() >= 3 FROM canary"})
            assert answer.text == f"{number}\t1\n"

        async def write(number):
            await canary.insert("canary", {"n": [number]}, {"n": "UInt64"})

        await asyncio.gather(*(read(n) for n in range(20)), *(write(n) for n in range(10, 20)))
    for _, writer in stuck:
        writer.close()
    assert await canary.rows("SELECT count() FROM canary") == [(13,)]
