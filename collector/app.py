"""Composition root of the collector: settings in, one ASGI application out.

The ingest endpoints stand in front of FastAPI behind one dict lookup: through a FastAPI route each would cost
four times as much.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import uuid_utils
from starlette.types import ASGIApp, Receive, Scope, Send

from collector import alias
from collector.client_ip import Proxies
from collector.costs import CostReports
from collector.dialects.catalogue import PATHS
from collector.direct import Handler
from collector.duplicates import Recent
from collector.events import Events
from collector.foreign import Foreign
from collector.health import Readiness, ping_url
from collector.ingest import Tools
from collector.links import Redirect
from collector.metrics import ENDED, REFUSED, Metrics
from collector.pages import make_pages
from collector.pixel import Pixel
from collector.rate import Rate
from collector.registry import Registry
from collector.sdk_files import SdkFiles, folder_of
from collector.spool import SpooledLog, open_spooled_log
from collector.spool.figures import show_spool
from collector.tracing import TracedApp, TracedLog
from collector.webhooks.endpoint import Webhooks
from eventlog.clock import epoch_ms
from eventlog.contract import Log, LogError
from eventlog.embedded import open_embedded_log
from eventlog.tracing import Spans, open_spans
from schemas.links import FILE_NAME as LINKS
from schemas.settings import Settings

FLUSH_INTERVAL_S: Final = 1.0


def make_id() -> str:
    """Ids of the collector: UUIDv7, in order of their making."""
    return str(uuid_utils.uuid7())


def create_app(settings: Settings, log: Log | None = None, spans: Spans | None = None) -> ASGIApp:
    """The collector. Opens (and closes) the embedded log in its lifespan, unless a log is given."""
    spans = spans or open_spans(settings, "netiv-collector")
    collector = Collector(settings, log, spans)
    return TracedApp(collector, spans) if spans.on else collector


class Collector:
    """The front: a dict of endpoints, FastAPI for every other path."""

    def __init__(self, settings: Settings, log: Log | None, spans: Spans) -> None:
        self._settings = settings
        self._spans = spans
        self._metrics = Metrics()
        self._endpoints: dict[str, ASGIApp] = {}
        self._sdk_prefix = f"{settings.path_prefix}/netiv"
        package = Path(__file__).parent
        self._built = folder_of(package, package.parent)
        self._sdk = SdkFiles(self._built)
        self._pages: ASGIApp | None = None
        self._foreign: tuple[Foreign | Redirect | Webhooks | alias.ShortFiles, ...] = ()
        self._log = structlog.get_logger("netiv.collector")
        self._owned: Log | None = None
        self._direct: dict[tuple[bytes, bytes], Handler] = {}
        if log is not None:
            self._assemble(log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            endpoint = self._endpoints.get(scope["path"]) or self._other(scope["path"])
            # FastAPI knows no HEAD of itself; the protocol keeps the body
            if endpoint is self._pages and scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}
            await endpoint(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(scope, receive, send)

    def _other(self, path: str) -> ASGIApp:
        if path.startswith(self._sdk_prefix) or self._pages is None:
            return self._sdk
        for endpoint in self._foreign:
            if endpoint.serves(path):
                return endpoint
        return self._pages

    def _assemble(self, log: Log) -> None:
        settings = self._settings
        tools = Tools(
            log=TracedLog(log, self._spans) if self._spans.on else log,
            registry=Registry(settings.sites_file, epoch_ms),
            metrics=self._metrics,
            recent=Recent(),
            proxies=Proxies(settings.trusted_proxies),
            now_ms=epoch_ms,
            make_id=make_id,
            in_flight_max=settings.requests_in_flight_max,
            rate=Rate(settings.requests_per_minute_max) if settings.requests_per_minute_max else None,
        )
        prefix = settings.path_prefix
        self._pages = make_pages(
            settings, tools, Readiness(_durable_part(log), ping_url(settings), epoch_ms), self._built
        )
        foreign = Foreign(tools, prefix)
        folder = settings.sites_file.parent
        short = alias.ShortFiles(settings.alias, self._sdk)
        self._foreign = (short, Redirect(tools, prefix, folder / LINKS), Webhooks(tools, prefix, folder), foreign)
        events, pixel = Events(tools), Pixel(tools)
        events_at = (f"{prefix}/v1/events", *alias.paths(settings.alias, alias.EVENTS))
        pixel_at = (f"{prefix}/p.gif", *alias.paths(settings.alias, alias.PIXEL))
        if tools.direct is not None:
            self._direct = {
                **{(b"POST", path.encode()): events.direct for path in events_at},
                **{(b"GET", path.encode()): pixel.direct for path in pixel_at},
            }
        self._endpoints = {
            **dict.fromkeys((f"{prefix}{path}" for path in PATHS), foreign),
            f"{prefix}/v1/costs": CostReports(tools),
            **dict.fromkeys(events_at, events),
            **dict.fromkeys(pixel_at, pixel),
            f"{prefix}/netiv.js": self._sdk,
            f"{prefix}/netiv.mjs": self._sdk,
        }

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Opens the log before the first request, closes it after the last."""
        await receive()
        try:
            if self._pages is None:
                self._owned = await self._open()
                self._assemble(self._owned)
        except (LogError, OSError) as error:
            self._log.error("log_not_opened", error=str(error), hint=getattr(error, "hint", ""))
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        if scope.get("state") is not None:  # what the protocol tells us, and what it may hand us directly
            scope["state"]["connection_ended"] = partial(self._metrics.count, ENDED)
            scope["state"]["client_left"] = partial(self._metrics.count, REFUSED, "disconnected")
            scope["state"]["direct"] = self._direct
        flushing = asyncio.create_task(self._flush())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        flushing.cancel()
        self._metrics.flush()
        if self._owned is not None:
            await self._owned.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self) -> Log:
        settings = self._settings
        if settings.kafka:
            return await open_spooled_log(settings, epoch_ms)
        return await open_embedded_log(
            settings.data / "log", partitions=settings.log_partitions, bytes_max=settings.log_bytes_max
        )

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self._metrics.flush()
            if isinstance(self._owned, SpooledLog):
                show_spool(self._metrics, await self._owned.figures())


def _durable_part(log: Log) -> Log:
    """What must answer for this process to take events: with a spool, the spool."""
    return log.spool.log if isinstance(log, SpooledLog) else log
