"""One import: rows in order, batches to the collector, rejected rows to a file beside, progress so that it can go on.

A batch is confirmed before the place behind it is written down: after a crash some rows are sent twice, as the same events.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from netiv.errors import CommandError
from netiv.http import Client
from netiv.importing.mapping import Ids, Rules, Unreadable, event_of
from netiv.importing.rows import Row, rows

BATCH_EVENTS = 500
BATCH_BYTES = 800_000


class Plan(msgspec.Struct, frozen=True):
    """What to import, and how."""

    path: Path
    encoding: str
    delimiter: str | None
    rules: Rules
    key: str


class Summary(msgspec.Struct):
    """What became of the rows."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0


class _Batch(msgspec.Struct):
    rows: list[Row] = []
    events: list[bytes] = []
    size: int = 0


def run(plan: Plan, client: Client, on_row: Callable[[int], None]) -> Summary:
    """Import the file; `on_row` is told the number of the last confirmed row. Raises `CommandError`."""
    place = plan.path.with_name(plan.path.name + ".progress")
    rejects = plan.path.with_name(plan.path.name + ".rejected.csv")
    mark = fingerprint(plan)
    done = _done(place, mark)
    summary = Summary(skipped=done)
    with rejects.open("a" if done else "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if not done:
            writer.writerow(["row", "code", "pointer", "message", "source"])
        for batch in _batches(plan, done, summary, writer):
            _send(plan, client, batch, summary, writer)
            file.flush()
            last = batch.rows[-1].number
            place.write_text(f"{mark} {last}\n", "ascii")
            on_row(last)
    place.unlink(missing_ok=True)
    if not summary.rejected and not done:
        rejects.unlink()
    return summary


def fingerprint(plan: Plan) -> str:
    """Names the content and the reading of a file: progress of another one is not gone on from."""
    digest = hashlib.blake2b(digest_size=16)
    with plan.path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    rules = plan.rules
    reading = (plan.encoding, plan.delimiter, sorted(rules.columns.items()), str(rules.zone), rules.type, rules.name)
    digest.update(repr((*reading, rules.date_format)).encode())
    return digest.hexdigest()


def _done(place: Path, mark: str) -> int:
    try:
        known, _, number = place.read_text("ascii").partition(" ")
        return int(number) if known == mark else 0
    except (OSError, ValueError):
        return 0


def _batches(plan: Plan, done: int, summary: Summary, writer: Any) -> Iterator[_Batch]:
    ids = Ids()
    batch = _Batch()
    for row in rows(plan.path, plan.encoding, plan.delimiter):
        try:
            raw = _raw(row, plan.rules, ids)
        except Unreadable as error:
            if row.number > done:
                summary.rows += 1
                summary.rejected += 1
                writer.writerow([row.number, str(error), "", "", row.source])
            continue
        if row.number <= done:
            continue
        summary.rows += 1
        if batch.rows and (len(batch.rows) == BATCH_EVENTS or batch.size + len(raw) > BATCH_BYTES):
            yield batch
            batch = _Batch()
        batch.rows.append(row)
        batch.events.append(raw)
        batch.size += len(raw)
    if batch.rows:
        yield batch


def _raw(row: Row, rules: Rules, ids: Ids) -> bytes:
    if row.fault:
        raise Unreadable(row.fault)
    event = event_of(row.values, rules)
    return msgspec.json.encode({**event, "event_id": ids.of(event)})


def _send(plan: Plan, client: Client, batch: _Batch, summary: Summary, writer: Any) -> None:
    headers = {"Authorization": f"Bearer {plan.key}", "Content-Type": "application/json", "X-Netiv-Import": "1"}
    body = b'{"events":[' + b",".join(batch.events) + b"]}"
    answer = client.patient("POST", "/v1/events", body, headers)
    if answer.status != 202:
        told = answer.json().get("error", {})
        raise CommandError(
            f"The collector refused the import: {told.get('message')}", told.get("hint", "See `netiv doctor`.")
        )
    told = answer.json()
    summary.accepted += told["accepted"]
    summary.duplicates += told["duplicates"]
    summary.rejected += len(told["rejected"])
    for one in told["rejected"]:
        row = batch.rows[one["index"]]
        writer.writerow([row.number, one["code"], one["pointer"], one["message"], row.source])
