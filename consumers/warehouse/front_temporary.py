"""Readers' temporary tables, bounded in total: they stand in memory that the pipeline needs too, for as long as a session.

A table is measured once it is filled (the limits of one query hold while it is) and dropped again where there was no room.
"""

from __future__ import annotations

import re
from typing import Final

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.front_access import Refused
from consumers.warehouse.lane import Lane

_NAME: Final = re.compile(r"CREATE TEMPORARY TABLE (?:IF NOT EXISTS )?(`(?:[^`\\]|\\.)*`|\w+)")
# It runs with the session's own settings: what they bound must fail, not end quietly with less.
_SIZE: Final = (
    "SELECT toUInt64(ifNull(sum(total_bytes), 0)) FROM system.tables WHERE is_temporary SETTINGS read_overflow_mode = 'throw', "
    "timeout_overflow_mode = 'throw', result_overflow_mode = 'throw', group_by_overflow_mode = 'throw'"
)
_MIB: Final = 1024 * 1024


async def make_table(lane: Lane, statement: str, mark: str, held: dict[Lane, int], bytes_max: int) -> None:
    """Run a CREATE TEMPORARY TABLE in its session's lane. `held`: bytes by lane, kept up to date. Raises `Refused` 241."""
    _require_room(held, bytes_max)
    before = held.get(lane, 0)
    try:
        await lane.call(lambda: lane.handle.run(f"/* {mark} */ {statement}"))
    finally:
        await _measure(lane, held, bytes_max)
    if held[lane] > before and sum(held.values()) > bytes_max:
        found = _NAME.match(statement)
        if found:
            await lane.call(lambda: lane.handle.run(f"DROP TEMPORARY TABLE {found.group(1)}"))
        await _measure(lane, held, bytes_max)
        raise _refused(bytes_max)


async def _measure(lane: Lane, held: dict[Lane, int], bytes_max: int) -> None:
    """What cannot be measured counts as more than there may be."""
    try:
        answer = await lane.call(lambda: lane.handle.run(_SIZE, "RowBinary"))
    except WarehouseError:
        held[lane] = bytes_max + 1
    else:
        held[lane] = int.from_bytes(answer.body, "little")


def _require_room(held: dict[Lane, int], bytes_max: int) -> None:
    if sum(held.values()) >= bytes_max:
        raise _refused(bytes_max)


def _refused(bytes_max: int) -> Refused:
    return Refused(
        241,
        "MEMORY_LIMIT_EXCEEDED",
        f"Temporary tables of all sessions together may take {bytes_max // _MIB} MiB, and this would be more. Make it smaller, "
        "or end sessions that are no longer needed (session_timeout).",
    )
