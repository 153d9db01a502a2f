"""`netiv replay`: bad events enter again, mended, at their own time; or the log is read again from an offset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netiv.commands import options

if TYPE_CHECKING:
    from consumers.identity.requests import Reread
    from eventlog.contract import Log
    from netiv.replaying.entering import Tally
    from netiv.replaying.listing import Listing
    from netiv.replaying.patch import Operation
    from netiv.working import Show
    from schemas.settings import Settings

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


def replay(
    where: str | None = typer.Option(None, help="Which bad events: a condition over the columns of bad_events."),
    patch: str = typer.Option("[]", help="JSON Patch, or the file it is in."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would become of them; store nothing."),
    again: bool = typer.Option(False, "--again", help="Also what was mended before."),
    from_offset: str | None = typer.Option(
        None, help="Instead: read the log again from PARTITION:OFFSET, and load what the tables miss of it."
    ),
    data: Path | None = options.DATA,
    clickhouse_url: str | None = options.CLICKHOUSE_URL,
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    import asyncio

    from netiv import clickhouse, configuration, output, working
    from netiv import operations as operations_
    from netiv.errors import CommandError
    from netiv.replaying.listing import Listing

    if (where is None) == (from_offset is None):
        raise CommandError("Say what to replay: either --where or --from-offset.", "See `netiv replay --help`.", code=2)
    if from_offset is not None:
        operations_.run(_reread(from_offset), data, json, "facts loaded that the tables had missed")
        return
    settings = configuration.load(data=data)
    operations = _operations(patch)
    warehouse = clickhouse.of(settings, clickhouse_url)
    listing = Listing(warehouse, where or "", again=again)
    try:
        tally = working.under_bar(
            "Replaying", lambda show: asyncio.run(_enter(settings, listing, operations, show, dry_run=dry_run))
        )
    except clickhouse.Refused as error:
        raise CommandError(str(error), "Columns: DESCRIBE bad_events (site, code, pointer, dialect, …).") from None
    finally:
        warehouse.close()
    figures = {
        "bad_events": tally.bad_events,
        "replayed": tally.replayed,
        "mended": tally.mended,
        "still_bad": tally.still_bad,
        "stored": bool(tally.replayed) and not dry_run,
    }
    if json:
        output.as_json(figures)
    else:
        still = ", ".join(f"{code}: {count}" for code, count in sorted(tally.still_bad.items())) or "none"
        told = [tally.bad_events, tally.replayed, tally.mended, still]
        output.show(output.Table("Replay", ["bad events", "replayed", "mended", "still bad"], [told]))
    if tally.still_bad:
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


async def _enter(
    settings: Settings, listing: Listing, operations: list[Operation], show: Show, *, dry_run: bool
) -> Tally:
    from collector.logs import configure
    from eventlog.clock import epoch_ms
    from netiv import sites_file
    from netiv.replaying.entering import Mender, enter

    lanes = listing.lanes()
    mender = Mender(operations, {site.name: site for site in sites_file.read(settings.sites_file).sites}, epoch_ms)
    if dry_run or not lanes:
        return await enter(None, listing, lanes, mender, show)
    configure()
    log = await _open_log(settings)
    try:
        return await enter(log, listing, lanes, mender, show)
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
