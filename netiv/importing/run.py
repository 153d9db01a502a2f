"""One import of events: rows in order, batches to the collector, rejected rows to a file beside, progress so that it can go on.

A batch is confirmed before the place behind it is written down: after a crash some rows are sent twice, as the same events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from netiv.errors import CommandError
from netiv.http import Answer, Client
from netiv.importing.journal import Journal
from netiv.importing.mapping import Ids, Rules, Unreadable, event_of
from netiv.importing.pace import Pace
from netiv.importing.rows import Row, rows

BATCH_EVENTS = 500
BATCH_BYTES = 800_000


class Plan(msgspec.Struct, frozen=True):
    """What to import, and how. `account`: of costs that name none."""

    path: Path
    encoding: str
    delimiter: str | None
    rules: Rules
    key: str
    account: str = ""

    def mark(self, url: str, what: str) -> str:
        """Names the content and the reading of the file, and where it goes as what: how far it came on its way to another site or
        another collector says nothing of this one."""
        digest = hashlib.blake2b(digest_size=16)
        with self.path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        rules = self.rules
        reading = (
            self.encoding,
            self.delimiter,
            sorted(rules.columns.items()),
            str(rules.zone),
            rules.type,
            rules.name,
        )
        digest.update(repr((*reading, rules.date_format, self.account, url, self.key, what)).encode())
        return digest.hexdigest()


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
    with Journal(plan.path, plan.mark(client.url, "events"), go_on=True) as journal:
        summary = Summary(skipped=journal.done)
        pace = Pace(client)
        for batch in _batches(plan, journal, summary):
            _send(plan, client, batch, summary, journal)
            last = batch.rows[-1].number
            journal.confirm(last)
            on_row(last)
            pace.sent(len(batch.rows))
        journal.finish(keep=bool(summary.rejected))
    return summary


def _batches(plan: Plan, journal: Journal, summary: Summary) -> Iterator[_Batch]:
    ids = Ids()
    batch = _Batch()
    done = journal.done
    for row in rows(plan.path, plan.encoding, plan.delimiter):
        try:
            raw = _raw(row, plan.rules, ids)
        except Unreadable as error:
            if row.number > done:
                summary.rows += 1
                summary.rejected += 1
                journal.reject(row, error.code, error.pointer, error.message)
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
    raw = msgspec.json.encode({**event, "event_id": ids.of(event)})
    if len(raw) > BATCH_BYTES:  # the collector refuses lesser ones one by one; this would be the whole request's end
        raise Unreadable("event_too_large", "", f"{len(raw):,} bytes")
    return raw


def _send(plan: Plan, client: Client, batch: _Batch, summary: Summary, journal: Journal) -> None:
    headers = {"Authorization": f"Bearer {plan.key}", "Content-Type": "application/json", "X-Netiv-Import": "1"}
    body = b'{"events":[' + b",".join(batch.events) + b"]}"
    answer = client.patient("POST", "/v1/events", body, headers)
    if answer.status != 202:
        refuse_whole(answer)
    told = answer.json()
    summary.accepted += told["accepted"]
    summary.duplicates += told["duplicates"]
    summary.rejected += len(told["rejected"])
    for one in told["rejected"]:
        journal.reject(batch.rows[one["index"]], one["code"], one["pointer"], one["message"])


def refuse_whole(answer: Answer) -> NoReturn:
    """Raises what the collector said."""
    told = answer.json().get("error", {})
    raise CommandError(
        f"The collector refused the import: {told.get('message')}", told.get("hint", "See `netiv doctor`.")
    )
