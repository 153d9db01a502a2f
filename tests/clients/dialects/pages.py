"""Pages with the real browser clients: bundled with esbuild, served from `localhost`, so that the collector is another site."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from pathlib import Path
from typing import Any, ClassVar

from clients.dialects.conftest import HERE, JOURNEY

CLIENTS = ("segment", "rudder", "snowplow", "posthog", "jitsu", "plausible", "mautic")
QUERY = JOURNEY["url"].partition("?")[2]


def bundle(folder: Path) -> None:
    """One script for each client."""
    for client in CLIENTS:
        command = [
            str(HERE / "node_modules" / ".bin" / "esbuild"), "browser/start.js", "--bundle", "--format=iife", "--log-level=error",
            "--define:process.env.NODE_ENV=\"production\"", f"--alias:client=./browser/{client}.js", f"--outfile={folder / client}.js",
        ]  # fmt: skip
        subprocess.run(command, cwd=HERE, check=True, timeout=60)


class Pages:
    """A web server with a page for each client."""

    def __init__(self, folder: Path, collector: str) -> None:
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/mtc.js":
                    self._answer((HERE / "browser" / "mtc.js").read_bytes(), "text/javascript")
                elif path.endswith(".js"):
                    self._answer((folder / path[1:]).read_bytes(), "text/javascript")
                elif path == "/":
                    self._answer(pages.html.encode(), "text/html; charset=utf-8")
                else:
                    self._answer(b"", "text/plain", 404)

            def _answer(self, body: bytes, kind: str, status: int = 200) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.html = ""
        self._collector = collector
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def show(self, client: str, key: str) -> str:
        """The address at which this client's page stands now."""
        told = {"url": self._collector, "host": self._collector.partition("://")[2], "key": key, "journey": JOURNEY}
        self.html = (
            f"<!doctype html><html lang=he><meta charset=utf-8><title>{JOURNEY['title']}</title><body><p>shop"
            f"<script>window.JOURNEY={json.dumps(told)};window.COLLECTOR={json.dumps(self._collector)}</script>"
            f"<script src=/{client}.js></script>"
        )
        return f"http://{self.host}/?{QUERY}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
