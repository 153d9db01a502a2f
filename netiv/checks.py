"""The checks of `netiv doctor`, each a function from what it looks at to findings. None changes anything."""

from __future__ import annotations

import asyncio
import http.client
import shutil
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import msgspec

from consumers.warehouse.contract import HINTS, MEMORY
from eventlog.clock import epoch_ms
from eventlog.contract import LogError
from eventlog.embedded import open_embedded_log
from netiv import clickhouse, configuration, data_folder, engine, lag, lock, ports, sites_file
from netiv.errors import CommandError, explain
from netiv.http import Client
from netiv.log_access import is_log, open_existing
from schemas.progress import GROUP, waiting
from schemas.settings import Settings

_SKEW_WARN_S = 5.0
_FREE_WARN = 2 * 1024**3
_LAG_WARN = 100_000
_LAG_WARN_S = 60.0
_ASIDE_SHOWN = 5
_NOT_LOST = "It is tried again by itself (by `netiv rebuild` at once); events are kept, its reports are of before."
_MORE_MEMORY = f"{HINTS[MEMORY]} Then start again. {_NOT_LOST}"
_LOOK = f"See the consumers' log; look at its events, or at the rules they meet. {_NOT_LOST}"


class Finding(msgspec.Struct, frozen=True):
    """One line of the doctor's: what was checked, how it is, and how to fix it."""

    check: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""


def run(settings: Settings) -> list[Finding]:
    """All checks, in the order of the flow."""
    findings = [_guard(name, check, settings) for name, check in _CHECKS]
    return [finding for group in findings for finding in group]


def _guard(name: str, check: Callable[[Settings], list[Finding]], settings: Settings) -> list[Finding]:
    try:
        return check(settings)
    except CommandError as error:
        return [Finding(name, "fail", str(error), error.hint)]
    except (OSError, http.client.HTTPException) as error:
        known = explain(error) or CommandError(str(error), "Is `netiv up` running?")
        return [Finding(name, "fail", str(known), known.hint)]


def _configuration(settings: Settings) -> list[Finding]:
    mode = (
        f"log {'Kafka' if settings.kafka else 'embedded'}, warehouse {'server' if settings.clickhouse else 'embedded'}"
    )
    return [Finding("configuration", "ok", mode)] + [
        Finding("configuration", "warn", f"{name} is set and is no setting", fix)
        for name, fix in configuration.strange_variables()
    ]


def _engine(settings: Settings) -> list[Finding]:
    if settings.clickhouse:
        return []
    engine.require()
    return [Finding("engine", "ok", "chdb is installed")]


def _sites(settings: Settings) -> list[Finding]:
    sites = sites_file.read(settings.sites_file).sites
    if not sites:
        return [Finding("sites", "warn", f"no site in {settings.sites_file}", "Add one: netiv sites add NAME")]
    findings = [Finding("sites", "ok", f"{len(sites)} in {settings.sites_file}")]
    if settings.sites_file.stat().st_mode & 0o077:
        fix = f"chmod 600 {settings.sites_file}"
        findings.append(Finding("sites", "warn", "other users of this machine can read the sites file", fix))
    now_ms = epoch_ms()
    findings += [
        Finding("sites", "warn", f"{site.name} has no key that is good", f"netiv sites rotate {site.name}")
        for site in sites
        if not site.aliases  # which open it as a write key does
        and not any(key.good(now_ms) for key in site.write_keys + site.secret_keys)
    ]
    return findings


def _data(settings: Settings) -> list[Finding]:
    if settings.kafka and settings.clickhouse:
        return []
    if not data_folder.could_be(settings.data):
        raise data_folder.no_folder(settings.data)
    if not settings.data.is_dir():
        return [
            Finding(
                "data folder", "warn", f"{settings.data} does not exist yet", "`netiv up` makes it; or set NETIV_DATA."
            )
        ]
    free = shutil.disk_usage(settings.data).free
    state: Literal["ok", "warn"] = "ok" if free > _FREE_WARN else "warn"
    pid = lock.holder(settings.data, "up")
    detail = f"{settings.data}: {free / 1024**3:.1f} GiB free" + (
        f", in use by `netiv up` (pid {pid})" if pid is not None else ""
    )
    findings = [
        Finding(
            "data folder", state, detail, "" if state == "ok" else "Free disk space: a full log refuses events (503)."
        )
    ]
    if data_folder.open_to_others(settings.data):
        told = f"other users of this machine can read {settings.data}, events as they were sent"
        findings.append(Finding("data folder", "warn", told, f"chmod 700 {settings.data}"))
    return findings


def _collector(settings: Settings) -> list[Finding]:
    url = configuration.stack_url(settings)
    client = Client(url, timeout_s=5)
    try:
        answer = client.request("GET", "/readyz")
    except (OSError, http.client.HTTPException):
        return [_silent(settings, url)]
    finally:
        client.close()
    if answer.status == 200:
        return [Finding("collector", "ok", f"{url} is ready")]
    if answer.status == 503:
        detail = answer.body.decode("utf-8", "replace")[:200]
        return [
            Finding("collector", "fail", f"{url} is not ready: {detail}", "See which part it names; is it running?")
        ]
    return [
        Finding(
            "collector",
            "fail",
            f"{url} answers {answer.status}: not a Netiv collector?",
            "Set NETIV_URL, or --port.",
        )
    ]


def _silent(settings: Settings, url: str) -> Finding:
    try:
        ports.require_free(settings.host, settings.port, "--port")
    except CommandError as error:
        if url == configuration.collector_url(settings):
            return Finding("collector", "fail", str(error) + " But it does not answer HTTP.", error.hint)
    return Finding("collector", "fail", f"nothing answers at {url}", "Start `netiv up`, or set NETIV_URL.")


def _lag(settings: Settings) -> list[Finding]:
    client = Client(configuration.stack_url(settings), timeout_s=5)
    try:
        behind = lag.read(client)
    finally:
        client.close()
    text = f"{behind.lag_events:,} events wait"
    if behind.lag_events:
        text += f", the oldest for {behind.lag_s:,.0f} s"
    if behind.lag_events > _LAG_WARN or behind.lag_s > _LAG_WARN_S:
        return [Finding("lag", "warn", text, "Are the consumers running and fast enough? See their log, and /metrics.")]
    return [Finding("lag", "ok", text)]


def _log(settings: Settings) -> list[Finding]:
    if not settings.kafka:
        return _embedded_log(settings)
    try:
        partitions, behind = asyncio.run(_look_at_topic(settings))
    except LogError as error:
        fix = f"{error.hint} Collectors spool meanwhile, and consumers wait: nothing is lost.".strip()
        detail = str(error) if str(error).startswith("Kafka") else f"Kafka: {error}"
        return [Finding("log", "fail", detail, fix)]
    return [
        Finding("log", "ok", f"topic {settings.kafka_topic}: {partitions} partitions, {behind:,} records to derive")
    ]


def _embedded_log(settings: Settings) -> list[Finding]:
    folder = settings.data / "log"
    if not is_log(folder):
        return []
    try:
        used, full = asyncio.run(_look_at_folder(folder, settings.log_bytes_max))
    except LogError as error:
        return [Finding("log", "fail", str(error), error.hint)]
    told = f"{used / 1024**2:,.0f} of {settings.log_bytes_max / 1024**2:,.0f} MiB"
    if full:
        fix = "Do consumers run? Room comes with what they derive; or raise NETIV_LOG_BYTES_MAX and start again."
        return [Finding("log", "fail", f"full of events that wait, {told}: events are refused (503)", fix)]
    return [Finding("log", "ok", told)]


async def _look_at_folder(folder: Path, bytes_max: int) -> tuple[int, bool]:
    """Bytes used, and whether there is no more room: none of what is derived could be dropped either."""
    log = await open_embedded_log(folder)
    try:
        used, derived = await log.used_bytes(), await log.committed(GROUP)
        oldest = [await log.read_from(partition, 0, 1, 1) for partition in derived]
    finally:
        await log.close()
    waits = all(one.position.offset >= derived[one.position.partition] for found in oldest for one in found)
    return used, used >= bytes_max and waits


async def _look_at_topic(settings: Settings) -> tuple[int, int]:
    log = await open_existing(settings)
    try:
        ends, derived = await log.ends(), await log.committed(GROUP)
    finally:
        await log.close()
    return len(ends), waiting(ends, derived)


def _warehouse(settings: Settings) -> list[Finding]:
    try:
        return _ask_warehouse(settings)
    except CommandError as error:
        if not settings.clickhouse:
            raise
        fix = f"{error.hint} Consumers wait meanwhile and keep their place; events stay in the log."
        return [Finding("warehouse", "fail", str(error), fix)]


def _ask_warehouse(settings: Settings) -> list[Finding]:
    warehouse = clickhouse.of(settings)
    try:
        version, clock_ms = warehouse.query("SELECT version(), toUnixTimestamp64Milli(now64(3))").rows[0]
        skew_s = abs(int(clock_ms) / 1000 - time.time())
        events = warehouse.query("SELECT count() FROM v_events").rows[0][0]
    finally:
        warehouse.close()
    findings = [Finding("warehouse", "ok", f"ClickHouse {version} at {warehouse.url}, {int(events):,} events")]
    findings.append(_skew("warehouse clock", skew_s))
    return findings


def set_aside(settings: Settings) -> list[Finding]:
    """What cannot be derived and is left out, oldest first."""
    warehouse = clickhouse.of(settings)
    try:
        rows = warehouse.query(
            "SELECT kind, site, key, code, reason, toString(first_at), attempts, count() OVER () FROM set_aside FINAL "
            f"ORDER BY first_at, kind, site, key LIMIT {_ASIDE_SHOWN}"
        ).rows
    except CommandError:
        return []  # said already
    finally:
        warehouse.close()
    findings = [
        Finding(
            "set aside", "warn", f"{kind} {key} of {site} since {first_at} UTC, {attempts} attempts: {reason} (code {code})",
            _MORE_MEMORY if int(code) == MEMORY else _LOOK,
        )
        for kind, site, key, code, reason, first_at, attempts, _ in rows
    ]  # fmt: skip
    if rows and int(rows[0][-1]) > len(rows):
        findings.append(
            Finding("set aside", "warn", f"and {int(rows[0][-1]) - len(rows)} more: the table set_aside has them")
        )
    return findings


def _collector_clock(settings: Settings) -> list[Finding]:
    client = Client(configuration.stack_url(settings), timeout_s=5)
    try:
        header = client.request("GET", "/healthz").headers.get("date")
    except (OSError, http.client.HTTPException):
        return []  # said already
    finally:
        client.close()
    if header is None:
        return []
    # The header counts whole seconds: half of one is nobody's fault.
    return [_skew("collector clock", abs(parsedate_to_datetime(header).timestamp() + 0.5 - time.time()))]


def _skew(name: str, skew_s: float) -> Finding:
    if skew_s > _SKEW_WARN_S:
        return Finding(
            name, "warn", f"{skew_s:.0f} s off this machine's", "Run NTP on both (timedatectl set-ntp true)."
        )
    return Finding(name, "ok", "agrees with this machine's")


_CHECKS: tuple[tuple[str, Callable[[Settings], list[Finding]]], ...] = (
    ("configuration", _configuration),
    ("engine", _engine),
    ("sites", _sites),
    ("data folder", _data),
    ("collector", _collector),
    ("collector clock", _collector_clock),
    ("log", _log),
    ("lag", _lag),
    ("warehouse", _warehouse),
    ("set aside", set_aside),
)
