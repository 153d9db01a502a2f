"""Which settings an outside reader may give, and which values: one list for the URL, SET, and SETTINGS at any depth. Pure.

An allow-list, because the engine has some 1,800 settings and new ones with each version: some name files or addresses, some
hold SQL, some lift limits, and inside a process the engine checks no path as a server does. Constraints in the engine stand
behind this (engine_locked.py), but those it does not enforce in SETTINGS of a subquery.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from consumers.warehouse.engine_files import EngineLimits
from consumers.warehouse.front_access import Refused
from consumers.warehouse.front_words import Setting

PLAIN: Final = re.compile(r"[\w.,:+ -]{0,200}", re.ASCII)
"""Words, numbers, times: nothing that could be a path, an address or SQL."""
ZONE: Final = re.compile(r"(?:[A-Za-z][\w+-]*(?:/[A-Za-z][\w+-]*){0,3})?", re.ASCII)
TEXT: Final = re.compile(r".{0,4000}", re.DOTALL)

FAMILIES: Final = (
    "output_format_arrow_", "output_format_binary_", "output_format_bson_", "output_format_csv_", "output_format_decimal_",
    "output_format_json_", "output_format_markdown_", "output_format_msgpack_", "output_format_native_", "output_format_parquet_",
    "output_format_pretty_", "output_format_tsv_", "output_format_values_", "output_format_orc_", "input_format_csv_",
    "input_format_json_", "input_format_tsv_", "format_csv_", "format_tsv_", "date_time_", "describe_", "formatdatetime_",
    "parsedatetime_", "join_", "optimize_", "analyzer_compatibility_", "use_skip_indexes", "async_insert", "wait_for_async_insert",
    "group_by_", "asterisk_include_",
)  # fmt: skip
"""Every setting under these tunes how values are read, written or joined; a test goes through the engine's own list."""

_TEXTS: Final = frozenset({
    "log_comment", "format_csv_delimiter", "format_csv_null_representation", "format_tsv_null_representation",
    "bool_true_representation", "bool_false_representation", "format_custom_field_delimiter", "format_custom_result_after_delimiter",
    "format_custom_result_before_delimiter", "format_custom_row_after_delimiter", "format_custom_row_before_delimiter",
    "format_custom_row_between_delimiter",
})  # fmt: skip
_ZONES: Final = frozenset({"session_timezone", "output_format_orc_writer_time_zone_name"})
_ANSWERS: Final = frozenset({
    "extremes", "totals_mode", "totals_auto_threshold", "exact_rows_before_limit", "rows_before_aggregation",
    "output_format_write_statistics", "output_format_float_precision", "output_format_trim_fixed_string",
    "output_format_parallel_formatting", "output_format_enable_streaming", "output_format_compression_level",
    "interval_output_format", "low_cardinality_allow_in_native_format", "use_client_time_zone", "enable_http_compression",
    "http_zlib_compression_level", "http_wait_end_of_query", "http_response_buffer_size", "http_write_exception_in_output_format",
    "http_headers_progress_interval_ms", "send_progress_in_http_headers", "add_http_cors_header",
    "cancel_http_readonly_queries_on_client_close", "format_custom_escaping_rule", "network_compression_method",
    "network_zstd_compression_level", "http_max_chunk_size", "http_make_head_request", "connect_timeout", "receive_timeout",
    "send_timeout", "http_connection_timeout", "http_receive_timeout", "http_send_timeout", "idle_connection_timeout",
    "tcp_keep_alive_timeout", "poll_interval", "send_logs_level", "http_max_uri_size", "http_max_fields", "http_max_field_name_size",
    "http_max_field_value_size", "log_queries", "log_query_threads", "log_profile_events", "send_profile_events", "priority",
})  # fmt: skip
_MEANINGS: Final = frozenset({
    "final", "any_join_distinct_right_table_keys", "transform_null_in", "union_default_mode", "intersect_default_mode",
    "except_default_mode", "aggregate_functions_null_for_empty", "empty_result_for_aggregation_by_empty_set",
    "prefer_column_name_to_alias", "enable_positional_arguments", "enable_order_by_all", "enable_analyzer",
    "allow_experimental_analyzer", "enable_optimize_predicate_expression", "enable_global_with_statement", "enable_materialized_cte",
    "enable_named_columns_in_function_tuple", "enable_unaligned_array_join", "enable_extended_results_for_datetime_functions",
    "enable_time_time64_type", "enable_json_type", "enable_dynamic_type", "enable_variant_type", "allow_experimental_json_type",
    "allow_experimental_object_type", "allow_experimental_variant_type", "allow_experimental_dynamic_type",
    "allow_experimental_window_functions", "allow_experimental_map_type", "allow_experimental_geo_types",
    "allow_experimental_bigint_types", "allow_experimental_correlated_subqueries", "allow_correlated_subqueries",
    "allow_experimental_join_condition", "allow_suspicious_low_cardinality_types", "allow_suspicious_types_in_group_by",
    "allow_simdjson", "allow_suspicious_types_in_order_by", "short_circuit_function_evaluation", "decimal_check_overflow",
    "count_distinct_optimization", "distributed_product_mode", "data_type_default_nullable", "precise_float_parsing",
    "cast_keep_nullable", "cast_string_to_dynamic_use_inference", "cast_string_to_variant_use_inference",
    "cast_ipv4_ipv6_default_on_conversion_error", "use_variant_as_common_type", "validate_polygons",
    "least_greatest_legacy_null_behavior", "legacy_column_name_of_tuple_literal", "apply_deleted_mask", "use_legacy_to_time",
    "show_table_uuid_in_table_create_query_if_not_nil", "use_index_for_in_with_subqueries", "force_index_by_date",
    "force_primary_key", "use_uncompressed_cache", "use_query_condition_cache", "print_pretty_type_names",
    "use_mysql_types_in_show_columns", "rewrite_count_distinct_if_with_count_distinct_implementation",
})  # fmt: skip
_BOUNDS: Final = frozenset({
    "max_rows_to_read", "max_bytes_to_read", "max_columns_to_read", "max_rows_to_group_by", "max_rows_to_sort", "max_bytes_to_sort",
    "max_rows_in_join", "max_bytes_in_join", "max_rows_in_set", "max_bytes_in_set", "max_rows_in_distinct", "max_bytes_in_distinct",
    "max_rows_to_transfer", "max_bytes_to_transfer", "max_temporary_columns", "max_temporary_non_const_columns",
    "max_partitions_to_read", "max_execution_speed", "max_execution_speed_bytes", "max_estimated_execution_time",
    "timeout_before_checking_execution_speed", "result_overflow_mode", "timeout_overflow_mode", "read_overflow_mode",
    "sort_overflow_mode", "set_overflow_mode", "distinct_overflow_mode", "transfer_overflow_mode", "preferred_block_size_bytes",
    "max_concurrent_queries_for_user", "max_bytes_before_external_group_by", "max_bytes_before_external_sort", "queue_max_wait_ms",
})  # fmt: skip
_WRITES: Final = frozenset({
    "mutations_sync", "alter_sync", "replication_alter_partitions_sync", "insert_distributed_sync", "insert_quorum",
    "distributed_foreground_insert", "insert_deduplicate", "lightweight_deletes_sync", "select_sequential_consistency",
    "load_balancing", "prefer_localhost_replica", "skip_unavailable_shards", "max_parallel_replicas", "max_insert_block_size",
    "allow_nondeterministic_mutations", "throw_on_max_partitions_per_insert_block",
})  # fmt: skip
"""Sent with every query by clients set up for a cluster; here they change nothing."""
NAMES: Final = _TEXTS | _ZONES | _ANSWERS | _MEANINGS | _BOUNDS | _WRITES
_UNIQ: Final = {"count_distinct_implementation": re.compile(r"uniq\w*", re.ASCII)}
_QUIET: Final = {
    "max_execution_time": "timeout_overflow_mode",
    "max_result_rows": "result_overflow_mode",
    "max_result_bytes": "result_overflow_mode",
}
"""What says that a result may end quietly at a limit."""
_DOCS: Final = 'docs/clickhouse-http.md lists those that may be ("Settings")'


class ReaderSettings:
    """The list, with the limits of this engine and the names it knows."""

    def __init__(self, limits: EngineLimits, known: frozenset[str]) -> None:
        self._known = known
        threads = limits.reader_threads_max
        self.limits: dict[str, tuple[float, float]] = {
            "max_memory_usage": (1024**2, limits.reader_memory_bytes_max),
            "max_execution_time": (1, limits.reader_seconds_max),
            "max_result_rows": (1, limits.reader_rows_max),
            "max_result_bytes": (1, limits.reader_bytes_max),
            "max_threads": (1, threads),
            "max_final_threads": (1, threads),
            "max_parsing_threads": (1, threads),
            "max_insert_threads": (0, threads),
            "max_block_size": (1, 2**20),
            "max_query_size": (1, 2**20),
            "max_ast_depth": (1, 1000),
            "max_ast_elements": (1, 50_000),
            "max_expanded_ast_elements": (1, 500_000),
            "max_parser_depth": (1, 1000),
            "max_subquery_depth": (1, 100),
        }
        """What may be lowered, not raised: least and most."""

    def check(self, setting: Setting) -> None:
        """Return, or raise `Refused`: 115 for names that the engine does not know, 164 and 452 for the others."""
        name = setting.name
        if name not in self._known:
            raise Refused(115, "UNKNOWN_SETTING", f"Unknown setting {name[:100]!r}")
        if name == "readonly":
            raise Refused(164, "READONLY", "Cannot modify 'readonly' setting in readonly mode")
        if name in self.limits:
            self._check_limit(setting)
        elif name not in NAMES and name not in _UNIQ and not name.startswith(FAMILIES):
            raise _constrained(f"Setting {name} should not be changed by readers of this endpoint; {_DOCS}")
        elif not setting.default and (setting.value is None or not kind_of(name).fullmatch(setting.value)):
            raise _constrained(f"Setting {name} should not be given such a value by readers of this endpoint; {_DOCS}")

    def left_out(self, options: Mapping[str, str]) -> frozenset[str]:
        """Check the settings beside a statement; the names of those to leave out. Tools send limits of their own with every
        query: one above ours (or 0, none) changes nothing, nor may a result end quietly at ours where more was wanted."""
        names: set[str] = set()
        for name, value in options.items():
            if name == "readonly" and value in {"1", "2"}:
                names.add(name)
            elif name in self.limits and _lifts(value, *self.limits[name]):
                names |= {name, _QUIET.get(name, name)}
            else:
                self.check(Setting(name, value))
        return frozenset(names)

    def _check_limit(self, setting: Setting) -> None:
        least, most = self.limits[setting.name]
        digits = (
            setting.value if setting.value is not None and re.fullmatch(r"\d{1,18}", setting.value, re.ASCII) else None
        )
        if digits is None or not least <= int(digits) <= most:
            raise _constrained(
                f"Setting {setting.name} should be a number from {least:.0f} to {most:.0f} here; {_DOCS}"
            )


def _lifts(value: str, least: float, most: float) -> bool:
    if not re.fullmatch(r"\d{1,20}", value, re.ASCII):
        return False
    return int(value) > most or int(value) == 0 < least


def kind_of(name: str) -> re.Pattern[str]:
    """What the value of an allowed setting may look like."""
    if name in _TEXTS:
        return TEXT
    if name in _ZONES:
        return ZONE
    return _UNIQ.get(name, PLAIN)


def _constrained(text: str) -> Refused:
    return Refused(452, "SETTING_CONSTRAINT_VIOLATION", text)
