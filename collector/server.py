"""Runs the collector under uvicorn: sockets, workers, signals, deadlines. The only file that starts a server.

SIGTERM or SIGINT: stop accepting, finish what is in flight, flush the log, exit 0.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Generator
from typing import Final

import structlog
from starlette.types import ASGIApp
from uvicorn import Config, Server

from collector.app import create_app
from collector.logs import configure
from collector.metrics import MULTIPROCESS_VARIABLE
from collector.protocol import BoundedProtocol
from collector.workers import end_with_parent, supervise
from eventlog.contract import LogError
from schemas.settings import Settings

BACKLOG: Final = 2_048
GRACE_S: Final = 8
GC_THRESHOLDS: Final = (10_000, 20, 20)


class CollectorServer(Server):
    """uvicorn's server, with signals that end in exit 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn's, but a signal that was obeyed is not raised a second time."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread is given signals
            return
        before = {its: signal.signal(its, self.handle_exit) for its in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for its, handler in before.items():
                signal.signal(its, handler)


def make_config(app: ASGIApp, settings: Settings) -> Config:
    """uvicorn as we run it."""
    return Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
    )


def bind(settings: Settings) -> socket.socket:
    """The listening socket. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def serve(settings: Settings) -> int:
    """Runs until a signal. Returns the exit code: 0, or 1 with the reason in the log."""
    configure()
    log = structlog.get_logger("netiv.server")
    try:
        listener = bind(settings)
    except OSError as error:
        reason = error.strerror or str(error)
        hint = f"Stop what uses port {settings.port}, or set NETIV_PORT to another one."
        log.error("not_listening", host=settings.host, port=settings.port, error=reason, hint=hint)
        return 1
    port = listener.getsockname()[1]
    url = f"http://{settings.reachable_host}:{port}{settings.path_prefix}"
    log.info("listening", url=url, host=settings.host, workers=settings.workers)
    with listener:
        code = _one(settings, listener) if settings.workers == 1 else _many(settings, listener)
    log.info("stopped", code=code)
    return code


def _one(settings: Settings, listener: socket.socket) -> int:
    try:
        app = create_app(settings)
    except LogError as error:
        structlog.get_logger("netiv.server").error("not_started", error=str(error), hint=error.hint)
        return 1
    server = CollectorServer(make_config(app, settings))
    # What is loaded by now stays: keep the collector of garbage from walking it again under load.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        server.run(sockets=[listener])
    except SystemExit:
        return 1  # start-up failed; the reason is in the log
    return 0 if server.started else 1


def _many(settings: Settings, listener: socket.socket) -> int:
    with tempfile.TemporaryDirectory(prefix="netiv-metrics-") as folder:
        os.environ[MULTIPROCESS_VARIABLE] = folder
        return supervise(functools.partial(_work, settings, listener), settings.workers)


def _work(settings: Settings, listener: socket.socket) -> None:
    """One of several worker processes."""
    configure()
    end_with_parent()
    sys.exit(_one(settings, listener))
