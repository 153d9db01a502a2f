"""An import of costs: all rows of a day of an account go together, because what is sent of such a day replaces all that was
said of it. Rows that can't be read go to a file beside, with all others of their day; what is confirmed is written down, so that
it can go on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from collector.statements import cost_of as checked
from netiv.errors import CommandError
from netiv.http import Client
from netiv.importing.costs import cost_of, day_in
from netiv.importing.journal import Journal
from netiv.importing.mapping import Unreadable
from netiv.importing.rows import Row, rows
from netiv.importing.run import BATCH_BYTES, Plan, Summary, refuse_whole
from schemas.costs import ROWS_MAX
from schemas.rejection import CODES, Rejection

Day = tuple[str, str]


def run(plan: Plan, client: Client, on_row: Callable[[int], None]) -> Summary:
    """Import the file; `on_row` is told how many of its rows are done. Raises `CommandError`."""
    summary = Summary()
    with Journal(plan.path, plan.mark(client.url, "costs")) as journal:
        days, read = _days(plan, journal, summary)
        done = 0
        for number, batch in enumerate(_batches(days), 1):
            if number <= journal.done:
                summary.skipped += len(batch)
            else:
                _send(plan, client, batch)
                summary.accepted += len(batch)
                journal.confirm(number)
            done += len(batch)
            on_row(done)
        summary.rows = read - summary.skipped
        journal.finish(keep=bool(summary.rejected))
    return summary


def _days(plan: Plan, journal: Journal, summary: Summary) -> tuple[dict[Day, list[bytes]], int]:
    """Rows by account and day, in the order of the file; and how many rows there are. A day of which a row can't be read is not among
    them: without that row it would be wrong."""
    days: dict[Day, list[tuple[Row, bytes]]] = {}
    incomplete: set[str] = set()
    read = 0
    for row in rows(plan.path, plan.encoding, plan.delimiter):
        read += 1
        found = _read(row, plan)
        if isinstance(found, Rejection):
            _reject(journal, summary, row, found)
            incomplete.add(day_in(row.values, plan.rules))
        else:
            key, raw = found
            days.setdefault(key, []).append((row, raw))
    for key in [key for key in days if key[1] in incomplete]:
        for row, _ in days.pop(key):
            _reject(
                journal, summary, row, Rejection("incomplete_day", "/day", f"{CODES['incomplete_day'][0]}: {key[1]}")
            )
    return {key: [raw for _, raw in kept] for key, kept in days.items()}, read


def _reject(journal: Journal, summary: Summary, row: Row, why: Rejection) -> None:
    summary.rejected += 1
    journal.reject(row, why.code, why.pointer, why.message)


def _read(row: Row, plan: Plan) -> tuple[Day, bytes] | Rejection:
    try:
        raw = _raw(row, plan)
    except Unreadable as error:
        return Rejection(error.code, error.pointer, error.message)
    cost = checked(raw)
    return cost if isinstance(cost, Rejection) else ((cost.of_account, cost.day), raw)


def _raw(row: Row, plan: Plan) -> bytes:
    if row.fault:
        raise Unreadable(row.fault)
    return cost_of(row.values, plan.rules, plan.account)


def _batches(days: dict[Day, list[bytes]]) -> Iterator[list[bytes]]:
    """Whole days, as many as fit a request."""
    batch: list[bytes] = []
    size = 0
    for (account, day), raws in days.items():
        bytes_of_day = sum(map(len, raws)) + len(raws)
        if len(raws) > ROWS_MAX or bytes_of_day > BATCH_BYTES:
            raise CommandError(
                f"{account} has {len(raws):,} rows on {day}: too many to take its place at once.",
                "Give its parts accounts of their own (a column `account`, or --account), or leave details out.",
            )
        if batch and (len(batch) + len(raws) > ROWS_MAX or size + bytes_of_day > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.extend(raws)
        size += bytes_of_day
    if batch:
        yield batch


def _send(plan: Plan, client: Client, batch: list[bytes]) -> None:
    headers = {"Authorization": f"Bearer {plan.key}", "Content-Type": "application/json"}
    answer = client.patient("POST", "/v1/costs", b'{"costs":[' + b",".join(batch) + b"]}", headers)
    if answer.status != 202:
        refuse_whole(answer)


def columns_of(plan: Plan) -> set[str]:
    """The columns that the first rows fill."""
    first = itertools.islice(rows(plan.path, plan.encoding, plan.delimiter), 100)
    return {str(name) for row in first for name in row.values}
