"""`netiv replay`: bad events enter again, mended, at their own time; or the log is read again from an offset."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from consumers.identity.requests import Reread
    from eventlog.contract import Log, Record
    from netiv.replaying.patch import Operation
    from netiv.replaying.records import Replayed
    from schemas.settings import Settings
    from schemas.sites import Site

HELP = """Re-enter bad events, mended by a JSON Patch (RFC 6902). The result is that of having sent the right event in the
first place, at its own time. What is mended is marked so and left out from then on (--again takes it too; that changes
nothing). `netiv report bad` shows what there is.

Examples:

\b
  netiv replay --where "code = 'unknown_type' AND site = 'shop'" --patch patch.json --dry-run

\b
  netiv replay --where "code = 'invalid_time'" --patch '[{"op": "remove", "path": "/created_at"}]'

With --from-offset the log itself is read again, up to where the consumers are: facts that the tables miss are loaded and
derived, as after the warehouse was restored from an older backup. What is there stays; the same twice changes nothing.

\b
  netiv replay --from-offset 0:120000
"""
BATCH = 500
_COLUMNS = (
    "site, toUnixTimestamp64Milli(received_at), code, payload, pointer, message, dialect, secret, "
    "if(isNull(sent_at), NULL, toUnixTimestamp64Milli(assumeNotNull(sent_at))), visitor_id, ip, user_agent, language, "
    "log_gen, log_part, log_off"
)
_NOT_MENDED = "(log_gen, log_part, log_off) NOT IN (SELECT log_gen, log_part, log_off FROM bad_events_mended)"
MENDED_MAX = 5_000  # places in one record


def replay(
    where: str | None = typer.Option(None, help="Which bad events: a condition over the columns of bad_events."),
    patch: str = typer.Option("[]", help="JSON Patch, or the file it is in."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would become of them; store nothing."),
    again: bool = typer.Option(False, "--again", help="Also what was mended before."),
    from_offset: str | None = typer.Option(
        None, help="Instead: read the log again from PARTITION:OFFSET, and load what the tables miss of it."
    ),
    data: Path | None = typer.Option(None, help="Data folder.", show_default="./data"),
    clickhouse_url: str | None = typer.Option(
        None, help="ClickHouse HTTP address.", show_default="http://127.0.0.1:8123"
    ),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """See HELP."""
    import asyncio

    from netiv import clickhouse, configuration, output, sites_file
    from netiv import operations as operations_
    from netiv.errors import CommandError

    if (where is None) == (from_offset is None):
        raise CommandError("Say what to replay: either --where or --from-offset.", "See `netiv replay --help`.", code=2)
    if from_offset is not None:
        operations_.run(_reread(from_offset), data, json, "facts loaded that the tables had missed")
        return
    settings = configuration.load(data=data)
    operations = _operations(patch)
    warehouse = clickhouse.of(settings, clickhouse_url)
    try:
        rows = warehouse.query(
            f"SELECT {_COLUMNS} FROM bad_events FINAL WHERE {'1' if again else _NOT_MENDED} AND ({where}) "
            "ORDER BY log_gen, log_part, log_off"
        ).rows
    except clickhouse.Refused as error:
        raise CommandError(str(error), "Columns: DESCRIBE bad_events (site, code, pointer, dialect, …).") from None
    finally:
        warehouse.close()
    sites = {site.name: site for site in sites_file.read(settings.sites_file).sites}
    results = [(_place(row), _replayed(row, operations, sites)) for row in rows]
    records = list(itertools.chain.from_iterable(result.records for _, result in results))
    mended = [place for place, result in results if result.records and not result.rejections]
    if records and not dry_run:
        asyncio.run(_append(settings, records, mended))
    codes: dict[str, int] = {}
    for rejection in itertools.chain.from_iterable(result.rejections for _, result in results):
        codes[rejection.code] = codes.get(rejection.code, 0) + 1
    figures = {
        "bad_events": len(rows),
        "replayed": len(records),
        "mended": len(mended),
        "still_bad": codes,
        "stored": bool(records) and not dry_run,
    }
    if json:
        output.as_json(figures)
    else:
        still = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())) or "none"
        told = [len(rows), len(records), len(mended), still]
        output.show(output.Table("Replay", ["bad events", "replayed", "mended", "still bad"], [told]))
    if codes:
        raise typer.Exit(1)


def _reread(place: str) -> Reread:
    from consumers.identity.requests import Reread
    from netiv.errors import CommandError

    partition, colon, offset = place.rpartition(":")
    if not (offset.isdecimal() and (partition.isdecimal() or not colon)):
        raise CommandError(f"{place!r} is no place in the log.", "Write PARTITION:OFFSET, like 0:0.", code=2)
    return Reread(int(partition or 0), int(offset))


def _operations(patch: str) -> list[Operation]:
    import msgspec

    from netiv.errors import CommandError
    from netiv.replaying.patch import parse

    right = 'Write [{"op": "replace", "path": "/type", "value": "page"}], or the name of a file with such a list.'
    if patch.lstrip().startswith("{"):
        raise CommandError("A patch is a list of operations, not one object.", right, code=2)
    try:
        return parse(patch.encode() if patch.lstrip().startswith("[") else Path(patch).read_bytes())
    except OSError as error:
        raise CommandError(f"The patch {patch} can't be read: {error.strerror}.", right, code=2) from None
    except msgspec.MsgspecError as error:
        raise CommandError(f"The patch is no list of operations: {error}.", right, code=2) from None


def _place(row: list[Any]) -> tuple[int, int, int]:
    generation, partition, offset = row[-3:]
    return int(generation), int(partition), int(offset)


def _replayed(row: list[Any], operations: list[Operation], sites: Mapping[str, Site]) -> Replayed:
    from netiv.replaying.records import replayed
    from schemas.record import Bad

    site, received_at, code, payload, pointer, message, dialect, secret, sent_at, *rest = row[:-3]
    sent = None if sent_at is None else int(sent_at)
    bad = Bad(site, int(received_at), code, payload.encode(), pointer, message, dialect, bool(int(secret)), sent, *rest)
    return replayed(bad, "-".join(map(str, _place(row))), operations, sites.get(site))


async def _append(settings: Settings, records: list[Record], mended: list[tuple[int, int, int]]) -> None:
    """The mended events first, then that they are: a crash in between repeats them, as the same events."""
    from collector.app import now_ms
    from collector.logs import configure
    from eventlog.contract import Record
    from schemas.record import Mended, encode, key_of

    configure()
    log = await _open_log(settings)
    try:
        for start in range(0, len(records), BATCH):
            await log.append(records[start : start + BATCH])
        for start in range(0, len(mended), MENDED_MAX):
            told = Mended(now_ms(), mended[start : start + MENDED_MAX])
            await log.append([Record(key_of("", ""), encode(told))])
    finally:
        await log.close()


async def _open_log(settings: Settings) -> Log:
    """Where the records go. No spool: whoever repairs can wait until Kafka is there."""
    from eventlog.embedded import open_embedded_log
    from netiv import log_access

    if settings.kafka:
        from eventlog.kafka import open_kafka_log  # an extra

        return await open_kafka_log(settings)
    log_access.require(settings.data / "log")
    return await open_embedded_log(
        settings.data / "log", partitions=settings.log_partitions, bytes_max=settings.log_bytes_max
    )
