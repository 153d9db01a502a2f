"""Bad events enter the log again, mended, a page at a time. Knows no settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from eventlog.contract import Log, Record
from netiv.replaying.listing import Lane, Listing
from netiv.replaying.patch import Operation
from netiv.replaying.records import replayed
from schemas.record import Bad, Mended, Place, encode, key_of
from schemas.sites import Site

APPEND_MAX: Final = 500  # records


class Tally(msgspec.Struct):
    """What became of them: records for the log, bad events of which nothing is bad any more, and reasons with their number."""

    bad_events: int = 0
    replayed: int = 0
    mended: int = 0
    still_bad: dict[str, int] = {}


class Mender(msgspec.Struct, frozen=True):
    """How they are mended, and by which clock that is noted (epoch ms)."""

    operations: list[Operation]
    sites: Mapping[str, Site]
    clock_ms: Callable[[], int]


async def enter(
    log: Log | None, listing: Listing, lanes: Sequence[Lane], mender: Mender, show: Callable[[int, int], None]
) -> Tally:
    """All of them, into no log where they are only to be counted; `show` is told how many of how many are done.

    Each page goes in before the next is read, its events first, then that they are mended. So a replay that was cut short left what it had
    done, and what it repeats when it begins anew are the same events. Raises `LogError`, `CommandError`."""
    tally, total = Tally(), sum(lane.events for lane in lanes)
    for lane in lanes:
        pages = listing.pages(lane)
        while page := await asyncio.to_thread(next, pages, None):
            records, mended = _mend(page, mender, tally)
            if log is not None:
                await _append(log, records, mended, mender.clock_ms())
            show(tally.bad_events, max(total, tally.bad_events))
    return tally


def _mend(page: list[tuple[Place, Bad]], mender: Mender, tally: Tally) -> tuple[list[Record], list[Place]]:
    records: list[Record] = []
    mended: list[Place] = []
    for place, bad in page:
        result = replayed(bad, "-".join(map(str, place)), mender.operations, mender.sites.get(bad.site))
        records += result.records
        if result.records and not result.rejections:
            mended.append(place)
        for rejection in result.rejections:
            tally.still_bad[rejection.code] = tally.still_bad.get(rejection.code, 0) + 1
    tally.bad_events += len(page)
    tally.replayed += len(records)
    tally.mended += len(mended)
    return records, mended


async def _append(log: Log, records: list[Record], mended: list[Place], now_ms: int) -> None:
    for start in range(0, len(records), APPEND_MAX):
        await log.append(records[start : start + APPEND_MAX])
    if mended:
        await log.append([Record(key_of("", ""), encode(Mended(now_ms, mended)))])
