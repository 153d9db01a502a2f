"""Serves the front with uvicorn inside a running event loop; signals stay with whoever owns the loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.front import Front
from consumers.warehouse.front_protocol import FrontProtocol


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@contextlib.asynccontextmanager
async def serve_front(front: Front, host: str, port: int) -> AsyncIterator[int]:
    """Listen while the block runs; gives the port (port 0: the system chooses). Raises `WarehouseError` with a hint
    when the address is taken. Closes the front at the end."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        front,
        http=FrontProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        proxy_headers=False,  # whatever FORWARDED_ALLOW_IPS says: an address in a header is nobody's
        log_config=None,
        log_level="critical",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        backlog=512,
    )
    server = _Server(config)
    starting = asyncio.create_task(front.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Cut off, its lanes would stay open in an engine that is taken down: the process crashes, or hangs.
        await asyncio.wait({starting})
        await front.close()
        listener.close()
        raise
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await asyncio.wait({task})
        listener.close()
        await front.close()
        task.result()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named protocol: asyncio switches Nagle off only then, and with it 40 ms per answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        hint = "Another program listens there; choose another with --clickhouse-port." if taken else str(error)
        raise WarehouseError(f"The ClickHouse HTTP interface cannot listen on {host}:{port}. {hint}") from error
    listener.setblocking(False)
    return listener
