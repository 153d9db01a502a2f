"""Statements that an outside reader must not get through: each is refused, and nothing of it happens."""

from __future__ import annotations

import pytest

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
SELECT * FROM system.tables
SELECT t.* FROM system.databases AS t
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
""".strip().splitlines()


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
        {"max_execution_time": "0"},
        {"max_memory_usage": "0"},
        {"max_result_rows": "100000000"},
        {"no_such_setting": "1"},
        {"x = 1, readonly": "0"},
        {"database": "system"},
        {"param_t": "parts", "param_d": "system", "query": "SELECT path FROM {d:Identifier}.{t:Identifier}"},
        {"param_t": "system.parts", "query": "SELECT path FROM {t:Identifier}"},
        {"default_format": "TSV INTO OUTFILE 'x'"},
        {"default_format": "TSV; DROP TABLE canary"},
    ],
)
async def test_nasty_options_are_refused(http, canary, options):
    answer = await http.get("/", params={"query": "SELECT * FROM canary"} | options)
    assert answer.status_code >= 400
    assert await canary.rows("SELECT count() FROM canary") == [(3,)]


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
