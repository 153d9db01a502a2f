"""Statements that an outside reader must not get through: each is refused, and nothing of it happens."""

from __future__ import annotations

import pytest

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.engine_locked import LOCKED

pytestmark = pytest.mark.anyio

NASTY = """
SELECT * FROM file('{secret}', 'LineAsString')
SELECT file('{secret}')
SELECT 1 IN (SELECT length(file('{secret}')))
WITH file('{secret}') AS f SELECT f
SELECT arrayMap(x -> file(x), ['{secret}'])
SELECT 1; SELECT file('{secret}')
/* SELECT 1 */ SELECT file('{secret}') -- SELECT 1
EXPLAIN SELECT file('{secret}')
EXPLAIN AST SELECT 1; DROP TABLE canary
DESCRIBE TABLE file('{secret}', 'LineAsString')
SELECT * FROM view(SELECT file('{secret}'))
SELECT * FROM eval('SELECT file(''{secret}'')')
SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')
SELECT * FROM s3('http://127.0.0.1:1/x.csv')
SELECT * FROM remote('127.0.0.1:1', 'netiv.canary')
SELECT * FROM remoteSecure('127.0.0.1:1', 'netiv.canary')
SELECT * FROM cluster('default', 'netiv.canary')
SELECT hasColumnInTable('127.0.0.1:1', 'netiv', 'canary', 'n')
SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')
SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')
SELECT * FROM sqlite('{secret}', 't')
SELECT * FROM executable('id', 'TSV', 'a String')
SELECT * FROM Python(secrets)
SELECT * FROM python('secrets')
SELECT * FROM merge('system', 'parts')
SELECT * FROM dictionary('d')
SELECT 1 IN url('http://127.0.0.1:1/', 'LineAsString')
EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'd', 't', 'u', 'p') PARTITION BY id
SELECT * FROM filesystem('/')
SELECT * FROM mergeTreeIndex('netiv', 'canary')
SELECT * FROM canary INTO OUTFILE '{out}'
SELECT * FROM canary INTO OUTFILE '{out}' TRUNCATE FORMAT CSV
INSERT INTO FUNCTION file('{out}', 'CSV') SELECT 1
INSERT INTO canary (n) VALUES (4)
INSERT INTO canary (n) SELECT 5
INSERT INTO canary FROM INFILE '{secret}' FORMAT LineAsString
CREATE TABLE mine (a UInt8) ENGINE = Memory
CREATE TABLE mine ENGINE = File(CSV, '{out}') AS SELECT 1
CREATE TEMPORARY TABLE mine (a String) ENGINE = File(CSV, '{out}')
CREATE TEMPORARY TABLE mine AS SELECT file('{secret}')
CREATE OR REPLACE VIEW v AS SELECT 1
CREATE FUNCTION f AS x -> x
CREATE USER intruder
DROP TABLE canary
TRUNCATE TABLE canary
DETACH TABLE canary
RENAME TABLE canary TO gone
ALTER TABLE canary DELETE WHERE 1
DELETE FROM canary WHERE 1
UPDATE canary SET name = '' WHERE 1
OPTIMIZE TABLE canary FINAL
SYSTEM STOP MERGES
SYSTEM SHUTDOWN
KILL QUERY WHERE 1
SET ROLE netiv_owner
EXECUTE AS default SELECT 1
GRANT ALL ON *.* TO default
BACKUP TABLE canary TO File('{out}')
RESTORE TABLE canary FROM File('{out}')
USE system
SHOW PROCESSLIST
SHOW GRANTS
SELECT query FROM system.processes
SELECT path FROM system.parts
SELECT path FROM `system`.`disks`
SELECT 1 IN system.parts
SELECT data_paths FROM system.tables
SELECT empty(data_paths AS p), p FROM system.tables
SELECT notEmpty(data_paths) FROM system.tables
SELECT toString(data_paths) FROM system.tables
SELECT * REPLACE (data_paths AS name) FROM system.tables
SELECT * EXCEPT (name) REPLACE (toString(metadata_path) AS uuid) FROM system.databases
SELECT [*] FROM system.databases
SELECT COLUMNS('path') FROM system.tables
SELECT getServerSetting('path')
SELECT getMacro('x')
SELECT showCertificate()
SELECT aiGenerate('x', 'y')
SELECT sleep(3)
SELECT * FROM canary SETTINGS readonly = 0
SELECT * FROM canary SETTINGS max_execution_time = 0
SELECT * FROM canary SETTINGS max_execution_time = 100000
SELECT * FROM canary SETTINGS max_memory_usage = 0
SELECT * FROM canary SETTINGS max_memory_usage = 100000000000
SELECT * FROM canary SETTINGS max_result_rows = 0
SELECT * FROM canary FORMAT JSON SETTINGS max_memory_usage = 100000000000
SELECT groupArray(number) FROM numbers(1000000000)
SELECT * FROM numbers(100000000) FORMAT Null SETTINGS max_result_rows = 2000000
SELECT file('{secret}') AS `x\\ny`
SELECT tuple(file('{secret}')) AS "x) (children 1)"
SELECT 1 FORMAT Template SETTINGS format_template_row = '{secret}'
SELECT 1 FORMAT template SETTINGS `format_template_row` = '{secret}'
SELECT 1 SETTINGS format_template_row = '{secret}' FORMAT Template
SELECT formatRow('Template', 1)
SELECT formatRow(concat('Temp', 'late'), 1)
WITH 'Template' AS f SELECT formatRowNoNewline(f, 1)
SELECT * FROM (SELECT formatRow('CSV', 1) SETTINGS format_template_row = '{secret}')
WITH t AS (SELECT 1 SETTINGS format_template_row = '{secret}') SELECT * FROM t
SELECT 1 WHERE 1 IN (SELECT 1 SETTINGS format_template_row = '{secret}')
SELECT (SELECT 1 SETTINGS format_template_row = '{secret}')
SELECT 1 UNION ALL (SELECT 2 SETTINGS format_template_row = '{secret}')
SELECT * FROM view(SELECT 1 SETTINGS format_template_row = '{secret}')
EXPLAIN SELECT 1 SETTINGS format_template_row = '{secret}'
EXPLAIN AST SELECT 1 FORMAT Template SETTINGS format_template_row = '{secret}'
DESCRIBE TABLE (SELECT 1) SETTINGS format_template_row = '{secret}'
SHOW TABLES FORMAT Template SETTINGS format_template_row = '{secret}'
EXISTS TABLE canary FORMAT Template SETTINGS format_template_row = '{secret}'
SELECT 1 AS x SETTINGS additional_result_filter = 'startsWith(file(''{secret}''), ''c'')'
SELECT * FROM canary SETTINGS additional_table_filters = {{'canary': 'file(''{secret}'') != '''''}}
SELECT * FROM (SELECT * FROM canary SETTINGS additional_table_filters = {{'canary': 'file(''{secret}'') != '''''}})
SELECT 1 AS x SETTINGS filter = 'file(''{secret}'') != '''''
SELECT 1 AS x SETTINGS select = 'file(''{secret}'')'
SELECT 1 AS x SETTINGS order = 'file(''{secret}'')'
SELECT 1 SETTINGS output_format = 'Template'
SELECT 1 SETTINGS format = 'Template'
SELECT 1 SETTINGS dialect = 'kusto'
SELECT 1 SETTINGS compatibility = '21.1'
SELECT 1 SETTINGS schema_inference_hints = 'a String ALIAS file(''{secret}'')'
SELECT 1 SETTINGS log_comment = {{p:String}}
SELECT 1 AS a FORMAT Protobuf SETTINGS format_schema_source = 'query', format_schema = 'SELECT file(''{secret}'')'
SELECT 1 AS a FORMAT Protobuf SETTINGS output_format_schema = '{out}', format_protobuf_use_autogenerated_schema = 1
SELECT 1 AS a FORMAT CapnProto
SELECT 1 AS a FORMAT AvroConfluent
SELECT 1 AS a FORMAT MySQLWire
SELECT * FROM format(CSV, 'a UInt8', 'x') SETTINGS input_format_allow_errors_num = 5, input_format_record_errors_file_path = '{out}'
SELECT * FROM (SELECT * FROM format(CSV, 'a UInt8', 'x') SETTINGS input_format_record_errors_file_path = '{out}')
SELECT * FROM format(AvroConfluent, 'a Int64', unhex('000000000102')) SETTINGS format_avro_schema_registry_url = 'http://127.0.0.1:1/'
SELECT * FROM format(AvroConfluent, 'a Int64', unhex('000000000102'))
SELECT * FROM format('Template', 'a Int64', 'x')
SELECT * FROM format(concat('Temp', 'late'), 'a Int64', 'x')
SELECT 1 FROM canary JOIN format(ProtobufSingle, 'a Int64', 'x') AS f ON 1
DESCRIBE TABLE format(Template, 'x')
SELECT * FROM format(CSV, 'a UInt8, b String DEFAULT file(\\'{secret}\\')', '1,')
SELECT b FROM format(CSV, 'a UInt8, b String alias file(\\'{secret}\\')', '1')
SELECT b FROM format(CSV, $$a UInt8, b String/**/ALIAS/**/file('{secret}')$$, '1')
SELECT b FROM format(CSV, 'a UInt8, b String\\tALIAS file(\\'{secret}\\')', '1')
SELECT b FROM format(CSV, concat('a UInt8, b String AL', 'IAS file(\\'{secret}\\')'), '1')
SELECT b FROM values('a UInt8, b String ALIAS file(\\'{secret}\\')', (1))
SELECT b FROM generateRandom('a UInt8, b String ALIAS file(\\'{secret}\\')') LIMIT 1
SELECT b FROM null('a UInt8, b String ALIAS file(\\'{secret}\\')')
SELECT "file"('{secret}')
SELECT `file`('{secret}')
SELECT file($${secret}$$)
SELECT tuple(*) FROM system.tables
SELECT tuple(*) AS `x\\n    Function count\\n     ExpressionList` FROM system.databases
CREATE TEMPORARY TABLE mine AS format(CSV, 'a UInt8', '1')
CREATE TEMPORARY TABLE mine (a String DEFAULT file('{secret}')) AS SELECT 'x' AS a
CREATE TEMPORARY TABLE mine ENGINE = MergeTree ORDER BY tuple() SETTINGS disk = disk(type = local, path = '{out}') AS SELECT 1
CREATE TEMPORARY TABLE mine ENGINE = Memory SETTINGS max_rows_to_keep = 1 AS SELECT 1
CREATE TEMPORARY TABLE mine (a UInt8)
SELECT * FROM loop('netiv', 'canary')
SELECT * FROM urlCluster('default', 'http://127.0.0.1:1/')
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))
SELECT generateSerialID('x')
SELECT __actionName('x', 'y')
SELECT * FROM (SELECT * FROM numbers(10) SETTINGS max_memory_usage = 5000000000)
SELECT * FROM (SELECT * FROM numbers(10) SETTINGS max_memory_usage = DEFAULT)
SELECT * FROM canary SETTINGS max_threads = 16
SELECT * FROM (SELECT 1 SETTINGS readonly = 0)
SELECT 1 SETTINGS no_such_setting = 1
SET format_template_row = '{secret}'
SET additional_result_filter = '1'
SET no_such_setting = 1
SET max_threads = 'many'
SET param_t = 'x'
SELECT * FROM (VALUES ('a UInt8, b String ALIAS file(\\'{secret}\\')', 1))
SELECT 1 IN values('a UInt8 ALIAS length(file(\\'{secret}\\'))', 1)
SELECT b FROM values(concat('a UInt8, b String ALI', 'AS file(\\'{secret}\\')'), (1))
DESCRIBE format(CSV, 'a UInt8 ALIAS file(\\'{secret}\\')', 'x')
SELECT count(tuple(*)), max(tuple(*)) FROM system.databases
SELECT arrayMap(x -> (SELECT 1 SETTINGS dialect = 'prql'), [1])
SELECT 1 SETTINGS `max_threads = 1, dialect` = 'prql'
SELECT * APPLY(file) FROM (SELECT '{secret}' AS a)
SELECT a.* APPLY file FROM (SELECT '{secret}' AS a) AS a
SELECT COLUMNS(a) APPLY(`file`) FROM (SELECT '{secret}' AS a)
SELECT * APPLY(x -> file(x)) FROM (SELECT '{secret}' AS a)
SELECT * APPLY((x) -> upper(x)) FROM (SELECT '{secret}' AS a)
SELECT * APPLY(lambda(tuple(x), file(x))) FROM (SELECT '{secret}' AS a)
SELECT * APPLY(x -> (SELECT any(query) FROM system.processes)) FROM (SELECT 1 AS a)
SELECT * APPLY(x -> (SELECT any(name) FROM canary)) FROM (SELECT 1 AS a)
SELECT * APPLY(quantile((SELECT count() FROM canary))) FROM (SELECT 1 AS a)
SELECT * APPLY(getMacro) FROM (SELECT 'a' AS a)
SELECT * APPLY(__actionName) FROM (SELECT 'a' AS a)
EXPLAIN SYNTAX SELECT * APPLY(file) FROM (SELECT '{secret}' AS a)
SELECT arrayMap(file, ['{secret}'])
SELECT arrayMap("file", ['{secret}'])
SELECT arrayMap(__getScalar, ['x'])
SHOW TABLES WHERE file('{secret}') != ''
SHOW TABLES WHERE throwIf(1, (SELECT any(query) FROM system.processes))
SHOW TABLES WHERE throwIf(1, (SELECT any(name) FROM canary))
SHOW TABLES WHERE name IN system.processes
SHOW TABLES WHERE name IN `system.processes`
SHOW TABLES WHERE metadata_path LIKE '/%'
SHOW TABLES WHERE `metadata_path` LIKE '/%'
SHOW TABLES LIMIT (SELECT length(file('{secret}')))
SHOW COLUMNS FROM canary WHERE file('{secret}') != ''
SHOW INDEXES FROM canary WHERE file('{secret}') != ''
""".strip().splitlines()


DECENT = """
SELECT count(*) FROM system.databases
SELECT * FROM format(JSONEachRow, '{"a":1}')
SELECT * FROM format('CSV', 'a UInt8', concat('1', '2'))
SELECT formatRow('TSV', 1)
SELECT * FROM values('a UInt8, b String', (1, 'default x'))
SELECT * FROM generateRandom('a UInt8') LIMIT 1
SELECT CAST('x', 'Enum8(\\'default\\' = 1, \\'x\\' = 2)')
SELECT * FROM system.settings
EXPLAIN indexes = 1 SELECT * FROM canary
SHOW CREATE TABLE canary FORMAT TSVRaw SETTINGS extremes = 0
DESCRIBE TABLE canary SETTINGS describe_compact_output = 1
SHOW SETTINGS LIKE 'max_threads'
SELECT 1 AS `üñí x`, 2 AS "select"
SELECT format, settings FROM (SELECT 1 AS format, 2 AS settings)
SELECT * APPLY(max) APPLY toString, COLUMNS('^n$') APPLY(quantile(0.9)) FROM canary
EXPLAIN CURRENT TRANSACTION
SELECT arrayMap(upper, [name]) FROM canary
SELECT 'file', t.n AS __n, apply FROM (SELECT 1 AS n, 2 AS apply) AS t
SHOW TABLES WHERE name LIKE 'c%' LIMIT 3
SELECT 'SETTINGS a = 1 FORMAT Template -- /* #', '\\n' FROM canary
""".strip().splitlines()


async def test_decent_statements_are_answered(http):
    for sql in DECENT:
        answer = await http.post("/", content=sql)
        assert answer.status_code == 200, (sql, answer.text)
        assert answer.content, sql


@pytest.mark.parametrize("index", range(0, len(NASTY), 20))
async def test_nasty_statements_are_refused(http, canary, tmp_path, index):
    secret, out = tmp_path / "secret.txt", tmp_path / "out.csv"
    secret.write_text("canary-in-a-file\n")
    for line in NASTY[index : index + 20]:
        sql = line.format(secret=secret, out=out)
        for answer in (
            await http.post("/", content=sql),
            await http.get("/", params={"query": sql, "session_id": "nasty"}),
        ):
            assert answer.status_code >= 400, (sql, answer.text)
            assert answer.headers["x-clickhouse-exception-code"] != "0", sql
            assert "canary-in-a-file" not in answer.text, sql
    assert not out.exists()
    assert await canary.rows("SELECT count(), sum(n) FROM canary") == [(3, 6)]
    assert await canary.rows("SELECT name FROM system.tables WHERE database = 'netiv'") == [("canary",)]


@pytest.mark.parametrize(
    "options",
    [
        {"readonly": "0"},
        {"readonly": "3"},
        {"max_execution_time": "-1"},
        {"max_memory_usage": "5"},
        {"max_result_rows": "1e9"},
        {"no_such_setting": "1"},
        {"x = 1, readonly": "0"},
        {"database": "system"},
        {"param_t": "parts", "param_d": "system", "query": "SELECT path FROM {d:Identifier}.{t:Identifier}"},
        {"param_t": "system.parts", "query": "SELECT path FROM {t:Identifier}"},
        {"default_format": "TSV INTO OUTFILE 'x'"},
        {"default_format": "TSV; DROP TABLE canary"},
        {"default_format": "Template"},
        {"default_format": "protobuf"},
        {"default_format": "TSV\r\nX: y"},
        {"format_template_row": "/etc/hostname"},
        {"additional_result_filter": "file('/etc/hostname') = ''"},
        {"output_format": "Template"},
        {"log_comment": "x" * 5000},
        {"session_timezone": "/etc/hostname"},
        {"session_timezone": "../../etc/hostname"},
        {"param_t": "one\\n x", "query": "SELECT 1 FROM system.{t:Identifier}"},
        {"param_f": "file", "query": "SELECT {f:Identifier}('/etc/hostname')"},
        {"param_f": "Template", "query": "SELECT * FROM format({f:Identifier}, 'a UInt8', '1')"},
        {"param_f": "Template", "query": "SELECT formatRow({f:String}, 1)"},
        {"param_s": "a UInt8 ALIAS file('/etc/hostname')", "query": "SELECT a FROM format(CSV, {s:String}, '1')"},
    ],
)
async def test_nasty_options_are_refused(http, canary, options):
    answer = await http.get("/", params={"query": "SELECT * FROM canary"} | options)
    assert answer.status_code >= 400
    assert await canary.rows("SELECT count() FROM canary") == [(3,)]


@pytest.mark.parametrize(
    ("query", "good", "bad"),
    [
        ("SELECT * FROM format(JSONEachRow, {x:String}, '{}')", "a String", "a String DEFAULT file('SECRET')"),
        ("SELECT a FROM generateRandom({x:String}) LIMIT 1", "a String", "b UInt8, a String ALIAS file('SECRET')"),
        ("SELECT * FROM format({x:String}, 'a String', '1')", "CSV", "Template"),
        ("SELECT formatRow({x:String}, 1)", "CSV", "Template"),
        ("SELECT arrayMap({x:Identifier}, ['SECRET'])", "upper", "file"),
        ("SELECT 1 IN {x:Identifier} FROM canary", "n", "system.processes"),
        ("SHOW TABLES WHERE name IN {x:Identifier}", "name", "system.processes"),
    ],
)
async def test_the_values_of_parameters_are_looked_at_each_time(http, tmp_path, query, good, bad):
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-in-a-file")
    query = query.replace("SECRET", str(secret))
    for text, refused in ((good, False), (bad, True), (good, False)):
        answer = await http.get("/", params={"query": query, "param_x": text.replace("SECRET", str(secret))})
        known = {"497", "73"}
        assert (answer.headers.get("x-clickhouse-exception-code") in known) == refused, (text, answer.text)
        assert "canary-in-a-file" not in answer.text


async def test_a_format_in_a_header_is_refused_too(http):
    answer = await http.post("/", content="SELECT 1", headers={"X-ClickHouse-Format": "Template"})
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (404, "73")


async def test_the_engine_refuses_settings_that_name_files_by_itself(warehouse):
    """Behind the front's list: what it would let through to the engine by mistake."""
    lane = await warehouse.open_reader("reader")
    try:
        listed = await warehouse.rows("SELECT name, type, value FROM system.settings")
        for name, kind, value in listed:
            if name not in LOCKED:
                continue
            other = {"Bool": str(value == "0"), "Map": "{'canary':'0'}", "Dialect": "'kusto'"}.get(kind, "'7'")
            with pytest.raises(WarehouseError) as refused:
                await lane.call(lambda text=f"SET {name} = {other}": lane.handle.run(text))
            assert refused.value.code == 452, (name, refused.value)
        with pytest.raises(WarehouseError) as refused:
            await lane.call(lambda: lane.handle.run("SELECT 1 SETTINGS max_threads = 16"))
        assert refused.value.code == 452
    finally:
        await lane.close()


async def test_another_readers_session_settings_do_not_lift_limits(http):
    await http.post("/", content="SET max_threads = 1", params={"session_id": "s"})
    for statement in (
        "SET readonly = 0",
        "SET max_execution_time = 0",
        "SET max_execution_time = DEFAULT",
        "SET ROLE ALL",
    ):
        answer = await http.post("/", content=statement, params={"session_id": "s"})
        assert answer.status_code >= 400, statement
    answer = await http.get(
        "/", params={"query": "SELECT getSetting('readonly'), getSetting('max_threads')", "session_id": "s"}
    )
    assert answer.text == "2\t1\n"
