"""The configuration files of the embedded engine: memory limits, small caches, and two roles.

Else the engine would run every query in one thread: it wants 1 GiB of free memory for each, our limit is not much above.
Nothing is compiled to machine code: with the versions and times that stand in the statements of a refresh, most of what is
compiled is never run again (a tenth of the time of a small refresh). No statistics of columns are gathered: joins here have their order,
and gathering was a third of what merging parts costs. Parts are merged row by row and not column by column up to a size where
that would take much memory: it costs half (5 instead of 12 us a row of events, 100 MiB more for 40 parts).
The engine itself guards outside readers: role `netiv_reader` may read one database and nothing else (no files, no
network), and constraints keep its limits from being lifted by a SETTINGS clause and settings that name files from being
given at all. Role `netiv_owner` is the pipeline's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from consumers.warehouse.engine_locked import constraints
from consumers.warehouse.profile import STATEMENT_BYTES_MAX

OWNER = "netiv_owner"
READER = "netiv_reader"
_MIB = 1024**2
_VERTICAL_ROWS = 2_000_000


class EngineLimits(msgspec.Struct, frozen=True):
    """What the engine may take, as bytes, rows, seconds and threads."""

    memory_bytes_max: int = 1300 * _MIB
    """Of the whole process; the engine refuses work beyond it."""
    query_memory_bytes_max: int = 900 * _MIB
    spill_bytes: int = 256 * _MIB
    """Sorting and grouping go to disk above this."""
    reader_memory_bytes_max: int = 320 * _MIB
    """Of one query."""
    reader_seconds_max: int = 60
    reader_rows_max: int = 1_000_000
    reader_bytes_max: int = 256 * _MIB
    reader_threads_max: int = 2


def limits_of(memory_mib: int) -> EngineLimits:
    """The limits of an engine that may take so much: all memory in the proportions of the usual ones."""
    usual = EngineLimits()

    def share(of_usual: int) -> int:
        return of_usual * memory_mib * _MIB // usual.memory_bytes_max

    return msgspec.structs.replace(
        usual,
        memory_bytes_max=memory_mib * _MIB,
        query_memory_bytes_max=share(usual.query_memory_bytes_max),
        spill_bytes=share(usual.spill_bytes),
        reader_memory_bytes_max=share(usual.reader_memory_bytes_max),
    )


_SERVER = """<clickhouse>
  <users_config>{users}</users_config>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>33554432</mark_cache_size>
  <primary_index_cache_size>33554432</primary_index_cache_size>
  <index_mark_cache_size>8388608</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_thread_pool_size>256</max_thread_pool_size>
  <max_thread_pool_free_size>8</max_thread_pool_free_size>
  <merge_tree>
    <auto_statistics_types></auto_statistics_types>
    <vertical_merge_algorithm_min_rows_to_activate>{vertical_rows}</vertical_merge_algorithm_min_rows_to_activate>
  </merge_tree>
</clickhouse>
"""

_USERS = """<clickhouse>
  <roles>
    <{owner}><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></{owner}>
    <{reader}><grants>
      <query>GRANT SELECT, SHOW ON {database}.*</query>
      <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
    </grants></{reader}>
  </roles>
  <users><default>
    <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants><query>GRANT {owner}</query><query>GRANT {reader}</query></grants>
  </default></users>
  <profiles><default>
    <max_memory_usage>{query_memory}</max_memory_usage>
    <max_bytes_before_external_group_by>{spill}</max_bytes_before_external_group_by>
    <max_bytes_before_external_sort>{spill}</max_bytes_before_external_sort>
    <max_threads_min_free_memory_per_thread>0</max_threads_min_free_memory_per_thread>
    <max_insert_threads_min_free_memory_per_thread>0</max_insert_threads_min_free_memory_per_thread>
    <compile_expressions>0</compile_expressions>
    <compile_aggregate_expressions>0</compile_aggregate_expressions>
    <compile_sort_description>0</compile_sort_description>
    <use_statistics>0</use_statistics>
    <constraints>
      <max_memory_usage><min>1048576</min><max>{reader_memory}</max></max_memory_usage>
      <max_execution_time><min>1</min><max>{reader_seconds}</max></max_execution_time>
      <max_result_rows><min>1</min><max>{reader_rows}</max></max_result_rows>
      <max_result_bytes><min>1</min><max>{reader_bytes}</max></max_result_bytes>
      <max_threads><min>1</min><max>{reader_threads}</max></max_threads>
      {locked}
    </constraints>
  </default></profiles>
  <quotas><default/></quotas>
</clickhouse>
"""


def write_engine_files(folder: Path, database: str, limits: EngineLimits) -> Path:
    """Write both files into `folder`; the path of the main one."""
    users = folder / "users.xml"
    users.write_text(
        _USERS.format(
            owner=OWNER,
            reader=READER,
            database=escape(database),
            query_memory=limits.query_memory_bytes_max,
            spill=limits.spill_bytes,
            reader_memory=limits.reader_memory_bytes_max,
            reader_seconds=limits.reader_seconds_max,
            reader_rows=limits.reader_rows_max,
            reader_bytes=limits.reader_bytes_max,
            reader_threads=limits.reader_threads_max,
            locked=constraints(),
        ),
        encoding="utf-8",
    )
    server = folder / "engine.xml"
    text = _SERVER.format(users=escape(str(users)), memory=limits.memory_bytes_max, vertical_rows=_VERTICAL_ROWS)
    server.write_text(text, encoding="utf-8")
    return server


PIPELINE_STATEMENTS: Final = (
    # FINAL reads many rows to keep a few: those of other keys are left out before rows of a key are compared. For our own statements
    # only, which are tested with it.
    "SET optimize_move_to_prewhere_if_final = 1",
    f"SET max_query_size = {STATEMENT_BYTES_MAX}",
)
"""What makes a handle the pipeline's."""


def reader_statements(limits: EngineLimits) -> list[str]:
    """What makes a handle a reader's; in this order, for `readonly = 2` locks the rest."""
    settings = {
        "max_memory_usage": limits.reader_memory_bytes_max,
        "max_execution_time": limits.reader_seconds_max,
        "max_result_rows": limits.reader_rows_max,
        "max_result_bytes": limits.reader_bytes_max,
        "max_threads": limits.reader_threads_max,
        "implicit_select": 0,
        "readonly": 2,
    }
    assignments = ", ".join(f"{name} = {value}" for name, value in settings.items())
    return [f"SET ROLE {READER}", f"SET {assignments}"]
