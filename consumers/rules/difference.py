"""What other rules would change: everything is derived beside the tables in use under them, and both are counted by channel."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from consumers.rebuild import derive_beside, discard
from consumers.refresh.refresher import Progress
from consumers.rules.files import Rules
from consumers.warehouse.contract import Warehouse

_COUNTED = """
SELECT toString(channel) AS channel, count() AS sessions, 0 AS touchpoints, 0. AS revenue FROM {0}.sessions FINAL GROUP BY channel
UNION ALL SELECT toString(channel), 0, count(), 0. FROM {0}.touchpoints FINAL GROUP BY channel
UNION ALL SELECT toString(channel), 0, 0, sum(toFloat64(value) / touches) FROM {0}.conversion_paths FINAL
    ARRAY JOIN path_channels AS channel GROUP BY channel
UNION ALL SELECT 'Unattributed', 0, 0, sum(toFloat64(value)) FROM {0}.conversion_paths FINAL WHERE touches = 0"""

_SUMMED = """
SELECT channel, sum(if(side, 0, sessions)), sum(if(side, sessions, 0)), sum(if(side, 0, touchpoints)), sum(if(side, touchpoints, 0)),
    round(sum(if(side, 0., revenue)), 2), round(sum(if(side, revenue, 0.)), 2)
FROM (SELECT 0 AS side, * FROM ({now}) UNION ALL SELECT 1 AS side, * FROM ({then}))
GROUP BY channel
HAVING sum(sessions) + sum(touchpoints) > 0 OR sum(revenue) != 0
ORDER BY channel"""

_MOVED = """
SELECT countIf((before.channel, before.kind) != (after.channel, after.kind) OR before.touchpoint_id = 0 OR after.touchpoint_id = 0)
FROM (SELECT site, touchpoint_id, channel, kind FROM {0}.touchpoints FINAL) AS before
FULL OUTER JOIN (SELECT site, touchpoint_id, channel, kind FROM {1}.touchpoints FINAL) AS after USING (site, touchpoint_id)"""


class ChannelChange(msgspec.Struct, frozen=True):
    """One channel now and under the other rules; revenue by the linear model."""

    channel: str
    sessions: int
    sessions_then: int
    touchpoints: int
    touchpoints_then: int
    revenue: float
    revenue_then: float


class Difference(msgspec.Struct, frozen=True):
    """`moved`: touchpoints that change their channel or kind, appear or disappear."""

    moved: int
    channels: list[ChannelChange]


async def difference(
    warehouse: Warehouse, rules: Rules, clock_us: Callable[[], int], progress: Progress | None = None
) -> Difference:
    """Derive under these rules beside the tables, compare, throw away."""
    then = f"{warehouse.database}_diff"
    await derive_beside(warehouse, rules, then, clock_us, progress)
    try:
        return await compare(warehouse, then)
    finally:
        await discard(warehouse, then)


async def compare(warehouse: Warehouse, then: str) -> Difference:
    """The tables in use and those of the database `then`."""
    now = warehouse.database
    rows = await warehouse.rows(_SUMMED.format(now=_COUNTED.format(now), then=_COUNTED.format(then)))
    moved = await warehouse.rows(_MOVED.format(now, then))
    return Difference(int(moved[0][0]), [ChannelChange(*row) for row in rows])
