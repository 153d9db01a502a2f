"""The servers that `bench.http` compares, one per process: `python -m bench.http_servers NAME PORT FOLDER`.

`empty` is the ceiling: uvicorn as shipped, with the options we use, answering 204 from an ASGI callable that reads
nothing. `empty_ours` is the same callable under our protocol, `fastapi` a FastAPI route with a pydantic body that does
nothing, `collector` the collector as it is run, on the embedded log.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.protocol import BoundedProtocol
from collector.server import serve
from schemas.settings import Settings
from schemas.sites import FILE_NAME, Key, Site, Sites, dump, hash_key

WRITE_KEY = "wk_bench"


async def empty(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """Answers 204 and reads nothing."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Body(BaseModel):
    """The fields of the bench's event, as a pydantic model."""

    type: str
    event_id: str | None = None
    visitor_id: str | None = None
    created_at: str | None = None
    properties: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


def fastapi_app() -> ASGIApp:
    """A FastAPI route with a pydantic body."""
    app = FastAPI()

    @app.post("/v1/events", status_code=204, response_class=Response)
    async def take(body: Body) -> None: ...

    return app


def run(name: str, port: int, folder: Path) -> int:
    """Serves until a signal."""
    if name == "collector":
        folder.mkdir(parents=True, exist_ok=True)
        site = Site("bench", write_keys=[Key(hash_key(WRITE_KEY))])
        (folder / FILE_NAME).write_bytes(dump(Sites([site])))
        return serve(Settings(data=folder, port=port))
    app = fastapi_app() if name == "fastapi" else empty
    protocol = BoundedProtocol if name == "empty_ours" else "httptools"
    config = uvicorn.Config(
        app, port=port, loop="uvloop", http=protocol, ws="none", access_log=False, log_level="error",
        server_header=False, date_header=False, proxy_headers=False, backlog=2048,
    )  # fmt: skip
    uvicorn.Server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
