"""Which settings and formats readers may give: the list against the engine's own, and what clients send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.warehouse.engine_files import EngineLimits
from consumers.warehouse.engine_locked import LOCKED
from consumers.warehouse.front_access import Refused
from consumers.warehouse.front_formats import format_allowed, require_format
from consumers.warehouse.front_settings import FAMILIES, NAMES, PLAIN, TEXT, ReaderSettings, kind_of
from consumers.warehouse.front_words import Setting, clause_count, given_settings, named_formats, words

pytestmark = pytest.mark.anyio
CLIENTS = {
    "date_time_input_format": "best_effort",
    "date_time_output_format": "iso",
    "cast_string_to_dynamic_use_inference": "1",
    "output_format_arrow_string_as_string": "1",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_native_encode_types_in_binary_format": "1",
    "output_format_native_use_flattened_dynamic_and_json_serialization": "1",
    "output_format_binary_write_json_as_string": "1",
    "input_format_json_named_tuples_as_objects": "1",
    "enable_analyzer": "1",
    "enable_materialized_cte": "1",
    "send_progress_in_http_headers": "1",
    "http_headers_progress_interval_ms": "120000",
    "cancel_http_readonly_queries_on_client_close": "1",
    "enable_http_compression": "1",
    "log_comment": "Superset: it's a chart; user 'x'",
    "session_timezone": "America/Argentina/Buenos_Aires",
    "use_client_time_zone": "1",
    "join_use_nulls": "1",
    "result_overflow_mode": "break",
    "extremes": "0",
    "totals_mode": "after_having_exclusive",
    "mutations_sync": "2",
    "async_insert": "0",
    "wait_for_async_insert": "1",
    "max_execution_time": "60",
    "max_result_rows": "1000",
    "max_block_size": "65409",
    "connect_timeout": "10",
    "receive_timeout": "300",
    "allow_experimental_json_type": "1",
    "join_algorithm": "grace_hash,hash",
    "format_csv_delimiter": ";",
    "count_distinct_implementation": "uniqCombined64",
}


async def known(warehouse, sql):
    return [line.split("\t") for line in (await warehouse.raw(sql)).decode().splitlines()]


async def test_every_listed_setting_exists_and_none_can_name_a_file_or_hold_sql(warehouse):
    kinds = dict(await known(warehouse, "SELECT name, type FROM system.settings"))
    settings = ReaderSettings(EngineLimits(), frozenset(kinds))
    listed = NAMES | LOCKED | set(settings.limits)
    assert listed <= set(kinds)
    allowed = {name for name in kinds if name in NAMES or name in settings.limits or name.startswith(FAMILIES)}
    assert not allowed & LOCKED
    assert {name for name in allowed if kinds[name] in {"Map", "URI"}} == set()
    texts = {name for name in allowed if kinds[name] == "String" and kind_of(name) is PLAIN}
    assert texts == {"network_compression_method", "output_format_pretty_grid_charset"}


async def test_every_format_of_the_engine_is_known_here(warehouse):
    names = {name for (name,) in await known(warehouse, "SELECT name FROM system.formats")}
    refused = {name for name in names if not format_allowed(name)}
    assert refused == (
        {"Template", "TemplateIgnoreSpaces", "Protobuf", "ProtobufList", "ProtobufSingle", "AvroConfluent", "CapnProto"}
        & names
        | {
            "MySQLWire",
            "PostgreSQLWire",
            "MySQLDump",
            "DWARF",
            "Puffin",
            "PuffinMetadata",
            "ParquetMetadata",
            "One",
            "Regexp",
        }
    )


@pytest.mark.parametrize("name", ["Template", "PROTOBUF", "avroconfluent", "TSV\n", "TSV x", "", "{", "`TSV`", "CSVé"])
def test_formats_that_are_refused(name):
    with pytest.raises(Refused) as refused:
        require_format(name)
    assert refused.value.code == 73


async def test_what_clients_send_is_taken_from_everywhere(http):
    answer = await http.get("/", params={"query": "SELECT 1"} | CLIENTS)
    assert answer.status_code == 200, answer.text
    quoted = ", ".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in CLIENTS.items())
    for sql in (f"SELECT 1 SETTINGS {quoted}", f"SELECT * FROM (SELECT 1 SETTINGS {quoted})", f"SET {quoted}"):
        for options in ({}, {"session_id": "client"}):
            answer = await http.post("/", content=sql, params=options)
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("no_such_setting", "1", 115),
        ("readonly", "2", 164),
        ("format_schema", "x", 452),
        ("output_format_schema", "x", 452),
        ("max_threads", "3", 452),
        ("max_threads", "٣", 452),
        ("max_memory_usage", "1G", 452),
        ("max_memory_usage", None, 452),
        ("date_time_input_format", "basic/x", 452),
        ("log_comment", None, 452),
        ("session_timezone", "/etc/passwd", 452),
        ("count_distinct_implementation", "groupArray", 452),
    ],
)
def test_refusals(name, value, code):
    settings = ReaderSettings(EngineLimits(), frozenset({name} - {"no_such_setting"}))
    with pytest.raises(Refused) as refused:
        settings.check(Setting(name, value))
    assert refused.value.code == code
    if code == 452:
        assert "docs/clickhouse-http.md" in refused.value.text


def pairs(text):
    return [(setting.name, setting.value) for setting in given_settings(words(text))]


def test_settings_are_found_wherever_they_stand():
    assert pairs("SELECT 1 SETTINGS a = 1, b = -2.5, c = 'x, SETTINGS d = 1', e") == [
        ("a", "1"), ("b", "-2.5"), ("c", "x, SETTINGS d = 1"), ("e", "1"),
    ]  # fmt: skip
    assert pairs("SELECT * FROM (SELECT 1 SETTINGS a = true) WHERE 1 SETTINGS b = DEFAULT FORMAT JSON SETTINGS c = 1e3") == [
        ("a", "1"), ("b", None), ("c", "1e3"),
    ]  # fmt: skip
    assert pairs("SET a = 1, b.c = {'x':'y'}") == [("a", "1"), ("b.c", None)]
    assert pairs("SHOW SETTINGS LIKE 'x'") == []
    assert pairs("SELECT settings FROM system.settings WHERE x = 'SETTINGS a = 1'") == []
    assert clause_count(words("SELECT (SELECT 1 SETTINGS a = 1) SETTINGS b = 1")) == 2
    assert list(named_formats(words("SELECT FORMAT FROM t FORMAT JSON SETTINGS a = 1"))) == ["JSON"]


@pytest.mark.parametrize(
    "value", ["{p:String}", "disk(path = 'x')", "['a']", "1 + 1", "- 'x'", "`x`", "concat('a')", ""]
)
def test_values_that_are_no_literals_are_told(value):
    assert any(setting.value is None for setting in given_settings(words(f"SELECT 1 SETTINGS a = {value}")))


@given(st.text(), st.text(alphabet="ab'\\`\" \n"))
def test_words_lose_nothing_but_spaces(any_text, quotes):
    for text in (any_text, quotes):
        kept = "".join(word for _, word in words(text))
        assert "".join(kept.split()) == "".join(text.split())
    assert TEXT.fullmatch(any_text[:4000])
