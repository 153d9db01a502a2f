"""A collector that was held up, as on a machine far too busy: what came meanwhile is answered, not dropped for being late."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

from collector_server import Running, wait_until, write_sites

from collector.app import create_app
from collector.server import CollectorServer, bind, make_config
from schemas.limits import HEADER_TIMEOUT_S
from schemas.settings import Settings


def test_nobody_is_reset(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, port=0)
    write_sites(settings)
    listener = bind(settings)
    server = CollectorServer(make_config(create_app(settings), settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        address = listener.getsockname()
        with contextlib.ExitStack() as stack:
            early = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(8)]
            # a request on another connection is answered: those before are accepted
            assert Running(address[1], settings).get("/healthz").status == 200
            held_up = threading.Event()

            def hold_up() -> None:
                held_up.set()
                time.sleep(HEADER_TIMEOUT_S + 1)

            server.servers[0].get_loop().call_soon_threadsafe(hold_up)
            assert held_up.wait(10)
            for connection in early:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert [connection.recv(12) for connection in early] == [b"HTTP/1.1 200"] * len(early)
    finally:
        server.should_exit = True
        thread.join(15)
    assert not thread.is_alive()
