"""The FastAPI part: documentation, health, metrics, progress. Everything that is not on the hot path."""

from __future__ import annotations

from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from collector import metrics as m
from collector.answers import error_body
from collector.demo_shop import demo_routes
from collector.documentation import documentation
from collector.health import Readiness
from collector.ingest import Tools
from collector.openapi import ingest_paths
from collector.progress import lag, state_of
from collector.receipts import decode
from eventlog.contract import LogError
from schemas.event import Event
from schemas.settings import Settings

_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 503: "log_unavailable"}
_NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def event_schema() -> dict[str, Any]:
    """The JSON Schema of a native event."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Event)}


def make_pages(settings: Settings, tools: Tools, readiness: Readiness, built: Path) -> FastAPI:
    """The application behind the ingest endpoints."""
    prefix = settings.path_prefix
    pages = FastAPI(
        title="Netiv collector",
        docs_url=None,
        redoc_url=None,
        openapi_url=prefix + "/openapi.json",
        redirect_slashes=False,
    )
    pages.include_router(_operations(tools, readiness), prefix=prefix)
    pages.include_router(_progress(tools), prefix=prefix)
    pages.include_router(documentation(prefix))
    if settings.own_machine_only:  # elsewhere there is no site for it
        pages.include_router(demo_routes(settings, built), prefix=prefix)
    pages.add_exception_handler(HTTPException, _http_error)
    pages.add_exception_handler(LogError, _log_error)
    pages.add_exception_handler(Exception, _unexpected)

    def openapi() -> dict[str, Any]:
        if pages.openapi_schema is None:
            schema = get_openapi(title=pages.title, version="1", routes=pages.routes)
            ingest_paths(schema, prefix)
            pages.openapi_schema = schema
        return pages.openapi_schema

    pages.openapi = openapi  # type: ignore[method-assign]
    return pages


def _operations(tools: Tools, readiness: Readiness) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="The process lives")
    async def healthz() -> Response:
        answer = _json({"status": "ok"})
        answer.headers["date"] = formatdate(tools.now_ms() / 1000, usegmt=True)  # `netiv doctor` compares clocks by it
        return answer

    @router.get("/readyz", summary="The log and the warehouse can be reached")
    async def readyz() -> Response:
        checks = await readiness.check()
        ready = all(checks.values())
        return _json({"status": "ready" if ready else "not_ready", "checks": checks}, 200 if ready else 503)

    @router.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> Response:
        try:
            figures = await lag(tools.log, tools.now_ms())
            tools.metrics.set(m.LAG_EVENTS, figures["lag_events"])
            tools.metrics.set(m.LAG_SECONDS, figures["lag_s"])
        except LogError:
            pass  # the other figures matter most when the log is gone
        tools.metrics.set(m.WAREHOUSE_UP, (await readiness.check())["warehouse"])
        return Response(tools.metrics.render(), media_type=m.CONTENT_TYPE.decode(), headers=_NO_STORE)

    return router


def _progress(tools: Tools) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["progress"])

    @router.get("/lag", summary="How far the tables are behind the log")
    async def get_lag() -> Response:
        return _json(await lag(tools.log, tools.now_ms()))

    @router.get("/receipts/{receipt}", summary="What became of a request's events")
    async def get_receipt(receipt: str) -> Response:
        try:
            state = await state_of(tools.log, decode(receipt))
        except ValueError:
            state = None
        if state is None:
            return Response(error_body("unknown_receipt"), 404, _NO_STORE, "application/json")
        return _json({"receipt": receipt, **state})

    @router.get("/schema.json", summary="JSON Schema of a native event")
    async def get_schema() -> Response:
        return _json(event_schema())

    return router


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, _NO_STORE, "application/json")


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    code = _CODE_OF_STATUS.get(status, "bad_request")
    return Response(error_body(code), status, {**headers, **_NO_STORE}, "application/json")


async def _unexpected(_: Request, __: Exception) -> Response:
    return Response(error_body("internal_error"), 500, _NO_STORE, "application/json")


async def _log_error(_: Request, __: Exception) -> Response:
    return Response(error_body("log_unavailable"), 503, {"retry-after": "5", **_NO_STORE}, "application/json")
