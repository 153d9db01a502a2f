"""Settings by which a server's profile could change what our statements mean, at the values they are written and tested for.

Sent with every statement to a server that knows them. Limits (memory, time, threads) stay the server's, but whatever goes over one is
an error: a result that is cut off would be taken for the whole.
"""

from __future__ import annotations

from typing import Final

_LIMITED: Final = ("read", "result", "group_by", "sort", "set", "join", "distinct", "transfer", "timeout")

# The domains of all sites stand in the statements that derive visits: a quarter of a MiB, the usual limit, is those of 5,000.
STATEMENT_BYTES_MAX: Final = 64 * 1024**2

MEANING: Final = {
    "max_query_size": str(STATEMENT_BYTES_MAX),
    "join_use_nulls": "0",
    "group_by_use_nulls": "0",
    "transform_null_in": "0",
    "aggregate_functions_null_for_empty": "0",
    "empty_result_for_aggregation_by_empty_set": "0",
    "data_type_default_nullable": "0",
    "cast_keep_nullable": "0",
    "insert_null_as_default": "1",
    "prefer_column_name_to_alias": "0",
    "join_default_strictness": "ALL",
    "any_join_distinct_right_table_keys": "0",
    "union_default_mode": "",
    "final": "0",
    "limit": "0",
    "offset": "0",
    "use_query_cache": "0",
    **{f"{name}_overflow_mode": "throw" for name in _LIMITED},
}
