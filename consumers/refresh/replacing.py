"""Put what a refresh computed into a derived table, together with tombstones for the rows it no longer produces.

One INSERT of one thread, so one part, so that readers never see the new rows beside the old ones of a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec


class Derived(msgspec.Struct, frozen=True):
    """A derived table: the columns of its key, which present rows a refresh answers for, and by what of its key (SQL; '' =
    the column of the kind) a refresh notes that it did.

    New rows are those of the working table of its name; or, where copying them would cost much, what a file of derive/ selects,
    whose keys are told apart from it (SQL). `copied`: how many elements each new row has a copy of, at most, while it is made (SQL)."""

    table: str
    key: tuple[str, ...]
    scope: str
    noted: str = ""
    derived_by: str = ""
    new_keys: str = ""
    copied: str = ""


ONE_PART = "SETTINGS max_insert_threads = 1"
# Rows of one block, where each copies much. The least size is named, because a join would gather small blocks again.
_BLOCKS = (
    ", max_block_size = {{block_rows}}, max_joined_block_size_rows = {{block_rows}}, min_joined_block_size_rows = {{block_rows}}, "
    "min_joined_block_size_bytes = 1"
)
_BLOCK_ROWS_MAX: Final = 65_536
# Of steps of paths: some 100 MB.
_BLOCK_ELEMENTS_MAX: Final = 500_000
_SUBJECTS = "(site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects)"
_PERSONS = "(site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons)"
_CONVERSIONS = "(site, order_key) IN (SELECT site, conversion_id FROM {{scratch}}.concerned_conversions)"

EVENT_DUPLICATES = Derived("event_duplicates", ("site", "subject", "log_gen", "log_part", "log_off"), _SUBJECTS)
SESSIONS = Derived("sessions", ("site", "subject", "started_at"), f"{_SUBJECTS} AND {{{{session_in_bound}}}}")
TOUCHPOINTS = Derived(
    "touchpoints", ("site", "subject", "ts", "touchpoint_id"), f"{_SUBJECTS} AND {{{{event_in_bound}}}}"
)
STAGE_EVENTS = Derived("stage_events", ("site", "subject", "event_id"), f"{_SUBJECTS} AND {{{{event_in_bound}}}}")
CONVERSION_EVENTS = Derived(
    "conversion_events", ("site", "conversion_id", "event_id", "subject"), f"{_SUBJECTS} AND {{{{event_in_bound}}}}"
)
# `order_key` tells nothing that the others don't: tombstones carry it, so that they too are found by it.
CONVERSIONS = Derived(
    "conversions",
    ("site", "person_id", "conversion_id", "order_key"),
    f"{_PERSONS} AND {_CONVERSIONS}",
    derived_by="62_conversions",
    new_keys="SELECT site, person_id, conversion_id, order_key FROM {{scratch}}.chosen",
)
TOUCH_SESSIONS = Derived("touch_sessions", ("site", "person_id", "touchpoint_id"), _PERSONS)
CONVERSION_PATHS = Derived(
    "conversion_paths",
    ("site", "person_id", "conversion_id"),
    _PERSONS,
    derived_by="70_conversion_paths",
    new_keys=f"SELECT site, person_id, conversion_id FROM {{{{derived}}}}.conversions FINAL WHERE {_PERSONS}",
    copied=(
        "SELECT greatest((SELECT max(length(steps)) FROM {{scratch}}.steps WHERE length(steps) <= {{steps_uncut_max}}), "
        "(SELECT max(length(steps)) FROM {{scratch}}.pieces))"
    ),
)
OPEN_PATHS = Derived("open_paths", ("site", "person_id"), _PERSONS)
_IDS = ("site", "id_type", "id_value")
IDENTITIES = Derived(
    "identities",
    _IDS,
    "{{id_is_dirty}}",
    "{{keys_of_id}}[-1]",
)
# One row holds all of an identifier's history and is never empty: nothing to bury.
IDENTITY_OWNERS = Derived("identity_owners", _IDS, "")
IDENTITY_QUARANTINE = Derived(
    "identity_quarantine",
    (*_IDS, "rule", "event_id"),
    "(site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.judged)",
)
REPLACED = (
    IDENTITY_OWNERS,
    IDENTITY_QUARANTINE,
    IDENTITIES,
    EVENT_DUPLICATES,
    SESSIONS,
    TOUCHPOINTS,
    STAGE_EVENTS,
    CONVERSION_EVENTS,
    CONVERSIONS,
    TOUCH_SESSIONS,
    CONVERSION_PATHS,
    OPEN_PATHS,
)


def tombstone(key: Sequence[str], version: str, columns: Sequence[tuple[str, str]]) -> str:
    """The columns of a row that says a key is gone: all but the key and the version are empty."""
    special = {"version": version, "is_deleted": "toUInt8(1)", **{name: name for name in key}}
    return ", ".join(f"{special.get(name) or empty(kind)} AS {name}" for name, kind in columns)


def empty(kind: str) -> str:
    """A type's default as a literal. (`defaultValueOfTypeName` tells it too, at a third of the cost of a small insert.)"""
    outer = kind.removeprefix("LowCardinality(")
    for begins, literal in _EMPTY.items():
        if outer.startswith(begins):
            return literal
    raise ValueError(f"no literal for an empty {kind}")


_EMPTY: Final = {
    "String": "''", "Nullable": "NULL", "Array": "[]", "UInt": "0", "Int": "0", "Float": "0", "Decimal": "0",
    "DateTime64": "toDateTime64(0, 3, 'UTC')",
}  # fmt: skip


def names(columns: Sequence[tuple[str, str]]) -> str:
    """The columns by name: a table that got another one while this process ran takes its rows all the same."""
    return ", ".join(name for name, _ in columns)


def block_rows(copied: int) -> int:
    """How many rows are made at once, of which each copies so many elements."""
    return max(1, min(_BLOCK_ROWS_MAX, _BLOCK_ELEMENTS_MAX // max(1, copied)))


def replace_statement(derived: Derived, columns: Sequence[tuple[str, str]], selected: str = "") -> str:
    """INSERT … SELECT of the new rows and the tombstones; still with {{scratch}} and {{derived}}, and {{block_rows}} where rows copy much.

    `columns`: (name, type) of the table in order; `selected`: the SELECT of `derived_by`. A tombstone needs its key only, so only keys
    are read."""
    key = ", ".join(derived.key)
    into = (
        f"INSERT INTO {{{{derived}}}}.{derived.table} ({names(columns)}) {ONE_PART}{_BLOCKS if derived.copied else ''}"
    )
    source = f"(\n{selected}\n)" if selected else f"{{{{scratch}}}}.{derived.table}"
    new = f"SELECT {names(columns)} FROM {source}"
    if not derived.scope:
        return f"{into} {new}"
    buried = tombstone(derived.key, "{version:UInt64}", columns)
    return (
        f"{into}\n{new}\nUNION ALL\nSELECT {buried}\nFROM\n(\n"
        f"    SELECT {key}\n    FROM {{{{derived}}}}.{derived.table}\n    WHERE {derived.scope}\n"
        f"        AND ({key}) NOT IN ({derived.new_keys or f'SELECT {key} FROM {source}'})\n"
        f"    GROUP BY {key}\n    HAVING argMax(is_deleted, version) = 0\n)"
    )
