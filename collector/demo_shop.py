"""The demo shop at `/demo`: static pages of the SDK's build, and what the tables say of one visitor of the site `demo-shop`.

Only that site's visitors can be asked for, by the visitor's own random id; nothing of other sites is ever shown. Only this machine
is served: each question is three queries of the warehouse, which nobody on the internet may have for the asking.
"""

from __future__ import annotations

import asyncio
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request, Response

from collector.answers import error_body
from schemas.requests import OF_PROXIES, is_loopback
from schemas.settings import Settings

SITE: Final = "demo-shop"
TIMEOUT_S: Final = 5.0
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
_QUESTIONS: Final = {
    "sessions": "SELECT channel, source, campaign, pageviews, toString(started_at) AS started_at, visitor_id FROM v_sessions "
    "WHERE site = {site:String} AND visitor_id = {visitor:String} ORDER BY v_sessions.started_at LIMIT 100",
    "touchpoints": "SELECT channel, source, campaign FROM v_touchpoints "
    "WHERE site = {site:String} AND visitor_id = {visitor:String} ORDER BY ts LIMIT 100",
    "conversions": "SELECT name, toFloat64(value) AS value, currency, path_channels, path_campaigns FROM v_conversion_paths "
    "WHERE site = {site:String} AND conversion_id IN (SELECT conversion_id FROM v_conversions "
    "WHERE site = {site:String} AND visitor_id = {visitor:String}) ORDER BY converted_at LIMIT 100",
}  # fmt: skip


def demo_routes(settings: Settings, built: Path) -> APIRouter:
    """The routes; `built` is the SDK's build folder."""
    router = APIRouter(tags=["demo"], include_in_schema=False, dependencies=[Depends(require_here)])
    folder = built / "demo"

    @router.get("/demo")
    async def shop() -> Response:
        return _file(folder, "index.html")

    @router.get("/demo/{name}")
    async def part(name: str) -> Response:
        return _file(folder, name)

    @router.get("/v1/demo/visitor/{visitor_id}")
    async def visitor(visitor_id: str) -> Response:
        answers = await asyncio.gather(
            *(asyncio.to_thread(_ask, settings, question, visitor_id) for question in _QUESTIONS.values())
        )
        seen = dict(zip(_QUESTIONS, answers, strict=True))
        return Response(msgspec.json.encode(seen), 200, _HEADERS, "application/json")

    return router


async def require_here(request: Request) -> None:
    """Nothing is here for other machines, nor for those whom a proxy on this one speaks for."""
    here = request.client is not None and is_loopback(request.client.host)
    if not here or not OF_PROXIES.isdisjoint(request.headers.keys()):
        raise HTTPException(404)


def _file(folder: Path, name: str) -> Response:
    kind = _TYPES.get(Path(name).suffix)
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if kind is None or name not in names:
        return Response(
            error_body("not_found" if names else "sdk_not_built"), 404 if names else 503, _HEADERS, "application/json"
        )
    return Response((folder / name).read_bytes(), 200, _HEADERS, kind)


def _ask(settings: Settings, question: str, visitor_id: str) -> list[dict[str, Any]]:
    """Rows of one question; none while the warehouse is away."""
    parameters = urllib.parse.urlencode(
        {"database": settings.database, "default_format": "JSON", "param_site": SITE, "param_visitor": visitor_id}
    )
    try:
        address = settings.warehouse_address
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{address.url}/?{parameters}", question.encode(), address.authorization
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            rows: list[dict[str, Any]] = msgspec.json.decode(answer.read())["data"]
            return rows
    except (ValueError, OSError, msgspec.MsgspecError):
        return []
