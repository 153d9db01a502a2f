"""Where is this event? Looks in the spools, the log, the facts, the bad events and the derived tables, in this order.

The log is searched from where deriving stands; all of it only when nothing else knows the event. Changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from collector.spool.slot import GROUP as DRAIN
from eventlog.contract import Log, LogError, Stored
from netiv.checks import Finding
from netiv.clickhouse import ClickHouse
from netiv.errors import CommandError
from netiv.log_access import open_existing, open_folder
from netiv.payloads import is_of
from schemas.progress import GROUP, LOADED
from schemas.record import Accepted, decode
from schemas.settings import Settings

RECORDS: Final = 5_000
BYTES: Final = 8 * 1024**2

Progress = Callable[[int, int], None]
_NOTHING_WAITS: Final = Finding("log", "ok", "nothing of it waits in the log")

_FACTS = """
SELECT site, toString(received_at), subject, visitor_id, type, log_gen, log_part, log_off,
    (site, subject, log_gen, log_part, log_off) IN
        (SELECT site, subject, log_gen, log_part, log_off FROM event_duplicates FINAL WHERE event_id = {id:String}) AS repeated
FROM events WHERE event_id = {id:String} ORDER BY received_at, log_gen, log_part, log_off LIMIT 20
"""
# Payloads in which the id stands as a whole; whether it is the event's own is looked at here.
_BAD = r"""
SELECT site, toString(received_at), code, pointer, message, log_part, log_off, payload
FROM bad_events FINAL
WHERE match(payload, concat('(^|[^0-9A-Za-z_.-])\\Q', {id:String}, '\\E($|[^0-9A-Za-z_.-])')) ORDER BY received_at LIMIT 500
"""
_BAD_SHOWN: Final = 20
_DERIVED = "SELECT site, session_id, person_id FROM v_events WHERE event_id = {id:String} LIMIT 20"


def find(settings: Settings, event_id: str, warehouse: ClickHouse, progress: Progress) -> list[Finding]:
    """What each place knows of the event; the last finding is the answer in one sentence."""
    spools = sorted(path.parent for path in Path(settings.data / "spool").glob("*/log.sqlite3"))
    findings = asyncio.run(_in_spools(spools, event_id))
    tables = _in_tables(warehouse, event_id)
    known = any(finding.state == "ok" for finding in tables)
    logged = asyncio.run(_in_log(settings, event_id, deep=not known and not findings, progress=progress))
    findings += [*logged, *tables]
    return [*findings, _answer(event_id, findings)]


async def _in_spools(folders: list[Path], event_id: str) -> list[Finding]:
    findings = []
    for folder in folders:
        log = await open_folder(folder)
        try:
            waiting = (await log.committed(DRAIN))[0]
            async for stored in _records(log, 0, waiting):
                if _holds(stored, event_id):
                    detail = f"{folder}: came {_time(stored.appended_at)}, waits for Kafka"
                    findings.append(Finding("spool", "warn", detail, "It follows by itself when Kafka answers."))
        finally:
            await log.close()
    return findings


async def _in_log(settings: Settings, event_id: str, *, deep: bool, progress: Progress) -> list[Finding]:
    try:
        log = await open_existing(settings)
    except LogError as error:
        return [Finding("log", "fail", str(error), error.hint)]
    try:
        ends, loaded, derived = await log.ends(), await log.committed(LOADED), await log.committed(GROUP)
        starts = {partition: 0 if deep else derived.get(partition, 0) for partition in range(log.partitions)}
        total = sum(ends[partition] - start for partition, start in starts.items())
        findings, seen = [], 0
        for partition, start in starts.items():
            async for stored in _records(log, partition, start):
                seen += 1
                if not seen % RECORDS:
                    progress(seen, total)
                if _holds(stored, event_id):
                    findings.append(_stands(stored, loaded.get(partition, 0), derived.get(partition, 0)))
        progress(total, total)
    except LogError as error:
        return [Finding("log", "fail", str(error), error.hint)]
    finally:
        await log.close()
    if findings:
        return findings
    return [Finding("log", "warn", "not in what the log keeps") if deep else _NOTHING_WAITS]


def _stands(stored: Stored, loaded: int, derived: int) -> Finding:
    at = stored.position
    place = f"partition {at.partition}, offset {at.offset}, acknowledged {_time(stored.appended_at)}"
    if at.offset < derived:
        return Finding("log", "ok", f"{place}; derived")
    if at.offset < loaded:
        return Finding("log", "warn", f"{place}; its facts are in, not derived yet", "Wait: netiv wait.")
    ahead = at.offset - loaded
    return Finding("log", "warn", f"{place}; {ahead:,} records before it are to be loaded first", "Do consumers run?")


def _in_tables(warehouse: ClickHouse, event_id: str) -> list[Finding]:
    bound = {"id": event_id}
    try:
        facts = warehouse.query(_FACTS, bound).rows
        bad = [row[:-1] for row in warehouse.query(_BAD, bound).rows if is_of(str(row[-1]), event_id)][:_BAD_SHOWN]
        derived = warehouse.query(_DERIVED, bound).rows
    except CommandError as error:
        return [Finding("tables", "fail", str(error), error.hint)]
    findings = [
        Finding(
            "facts",
            "ok",
            f"site {site}, received {at}, type {kind}, visitor {visitor or '(none)'}, log {generation}/{partition}/{offset}"
            + (": a repetition, which reports leave out" if int(repeated) else ""),
        )
        for site, at, _, visitor, kind, generation, partition, offset, repeated in facts
    ]
    findings += [
        Finding(
            "bad events",
            "ok",
            f"site {site}, received {at}: {code} at {pointer or '/'}: {message} (log {partition}/{offset})",
            f"Mend and replay it: netiv replay --where \"code = '{code}'\" --patch …",
        )
        for site, at, code, pointer, message, partition, offset in bad
    ]
    findings += [
        Finding("reports", "ok", f"site {site}, session {session}, person {person}")
        for site, session, person in derived
    ]
    return findings or [Finding("tables", "warn", "neither in the facts nor among the bad events")]


def _answer(event_id: str, findings: list[Finding]) -> Finding:
    states = {finding.check: finding for finding in findings if finding.state != "fail"}
    unseen = [finding.check for finding in findings if finding.state == "fail"]
    if "reports" in states:
        return Finding("answer", "ok", f"{event_id} is in the reports.")
    if "facts" in states:
        return Finding("answer", "warn", f"{event_id} is in the facts and not derived yet.", "Wait: netiv wait.")
    if "bad events" in states:
        return Finding("answer", "warn", f"{event_id} was refused and kept whole.", "See the reason above.")
    if "spool" in states or "offset" in getattr(states.get("log"), "detail", ""):
        return Finding("answer", "warn", f"{event_id} is durable and on its way.", "Look at what waits above.")
    if unseen:
        return Finding("answer", "fail", f"{event_id} was not found; {', '.join(unseen)} could not be asked.")
    fix = "It was never acknowledged, or it is under another id: was the answer a 202, and was this its event_id?"
    return Finding("answer", "fail", f"{event_id} is nowhere.", fix)


async def _records(log: Log, partition: int, start: int) -> AsyncIterator[Stored]:
    """From `start`, or the oldest kept, to what was the end."""
    end = (await log.ends())[partition]
    while start < end:
        found = await log.read_from(partition, start, RECORDS, BYTES)
        if not found:
            return
        for stored in found:
            yield stored
        start = found[-1].position.offset + 1


def _holds(stored: Stored, event_id: str) -> bool:
    if event_id.encode() not in stored.value:
        return False
    try:
        record = decode(stored.value)
    except msgspec.MsgspecError:
        return False
    return record.event_id == event_id if isinstance(record, Accepted) else True


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
