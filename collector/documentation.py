"""`GET /docs`: the interface, to read and to try, without a line from outside: the page works where no internet is.

FastAPI's own page loads Swagger UI from a CDN; this one serves the copy that the package fastapi-offline carries.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

SCRIPT: Final = "swagger-ui-bundle.js"
STYLE: Final = "swagger-ui.css"
ICON: Final = "favicon.png"
_TYPES: Final = {SCRIPT: "text/javascript", STYLE: "text/css", ICON: "image/png"}
_CACHE: Final = {"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"}


def documentation(prefix: str) -> APIRouter:
    """The page and its three files."""
    router = APIRouter(prefix=prefix + "/docs", include_in_schema=False)
    folder = Path(str(files("fastapi_offline") / "static"))

    @router.get("")
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=f"{prefix}/openapi.json",
            title="Netiv collector",
            swagger_js_url=f"{prefix}/docs/{SCRIPT}",
            swagger_css_url=f"{prefix}/docs/{STYLE}",
            swagger_favicon_url=f"{prefix}/docs/{ICON}",
        )

    @router.get("/{name}")
    async def part(name: str) -> FileResponse:
        if name not in _TYPES:
            raise HTTPException(404)
        return FileResponse(folder / name, media_type=_TYPES[name], headers=_CACHE)

    return router
