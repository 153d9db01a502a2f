"""`netiv replay`: bad events enter again, mended, at their own time."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collector.accept import Verdict
    from netiv.replaying.patch import Operation
    from schemas.settings import Settings

HELP = """Re-enter bad events, mended by a JSON Patch (RFC 6902). The result is that of having sent the right event in the
first place, at its own time; doing it twice changes nothing. `netiv report bad` shows what there is.

Examples:

\b
  netiv replay --where "code = 'unknown_type' AND site = 'shop'" --patch patch.json --dry-run

\b
  netiv replay --where "code = 'invalid_time'" --patch '[{"op": "remove", "path": "/created_at"}]'
"""
BATCH = 500
_COLUMNS = (
    "site, toUnixTimestamp64Milli(received_at), code, payload, pointer, message, dialect, secret, "
    "if(isNull(sent_at), NULL, toUnixTimestamp64Milli(assumeNotNull(sent_at))), visitor_id, ip, user_agent, language, "
    "concat(toString(log_gen), '-', toString(log_part), '-', toString(log_off))"
)


def replay(
    where: str = typer.Option(..., help="Which bad events: a condition over the columns of bad_events."),
    patch: str = typer.Option("[]", help="JSON Patch, or the file it is in."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would become of them; store nothing."),
    data: Path | None = typer.Option(None, help="Data folder.", show_default="./data"),
    clickhouse_url: str | None = typer.Option(
        None, help="ClickHouse HTTP address.", show_default="http://127.0.0.1:8123"
    ),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """See HELP."""
    import asyncio

    from netiv import clickhouse, configuration, output

    settings = configuration.load(data=data)
    operations = _operations(patch)
    warehouse = clickhouse.of(settings, clickhouse_url)
    rows = warehouse.query(
        f"SELECT {_COLUMNS} FROM bad_events FINAL WHERE {where} ORDER BY log_gen, log_part, log_off"
    ).rows
    warehouse.close()
    verdicts = list(itertools.chain.from_iterable(_verdicts(row, operations) for row in rows))
    good = [verdict for verdict in verdicts if verdict.rejection is None]
    if good and not dry_run:
        asyncio.run(_append(settings, good))
    codes: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.rejection is not None:
            codes[verdict.rejection.code] = codes.get(verdict.rejection.code, 0) + 1
    figures = {"bad_events": len(rows), "replayed": len(good), "still_bad": codes, "stored": bool(good) and not dry_run}
    if json:
        output.as_json(figures)
    else:
        still = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())) or "none"
        output.show(output.Table("Replay", ["bad events", "replayed", "still bad"], [[len(rows), len(good), still]]))
    if codes:
        raise typer.Exit(1)


def _operations(patch: str) -> list[Operation]:
    import msgspec

    from netiv.errors import CommandError
    from netiv.replaying.patch import parse

    try:
        return parse(patch.encode() if patch.lstrip().startswith("[") else Path(patch).read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise CommandError(
            f"The patch can't be read: {error}", 'Write [{"op": "replace", "path": "/type", "value": "page"}].', code=2
        ) from None


def _verdicts(row: list[Any], operations: list[Operation]) -> list[Verdict]:
    from netiv.replaying.records import replayed
    from schemas.record import Bad

    *fields, position = row
    site, received_at, code, payload, pointer, message, dialect, secret, sent_at, *rest = fields
    sent = None if sent_at is None else int(sent_at)
    bad = Bad(site, int(received_at), code, payload.encode(), pointer, message, dialect, bool(int(secret)), sent, *rest)
    return replayed(bad, position, operations)


async def _append(settings: Settings, verdicts: list[Verdict]) -> None:
    from collector.app import now_ms
    from collector.spool.opening import open_spooled_log
    from eventlog.contract import Record
    from eventlog.embedded import open_embedded_log
    from schemas.record import encode, key_of

    log = await (
        open_spooled_log(settings, now_ms)
        if settings.kafka
        else open_embedded_log(
            settings.data / "log", partitions=settings.log_partitions, bytes_max=settings.log_bytes_max
        )
    )
    try:
        for start in range(0, len(verdicts), BATCH):
            batch = verdicts[start : start + BATCH]
            await log.append([Record(key_of(one.record.site, one.subject), encode(one.record)) for one in batch])
    finally:
        await log.close()
