"""Raw sockets: slow, endless, oversized and smuggled requests; each gets one answer at most and its connection ends."""

from __future__ import annotations

import gzip
import socket
import time

import pytest
from collector_server import WRITE, Running, wait_until

HEAD = f"POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {WRITE}\r\n".encode()


def dial(collector: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", collector.port), timeout=25)


def drained(connection: socket.socket) -> bytes:
    """All until the server closes."""
    received = b""
    try:
        while data := connection.recv(65_536):
            received += data
    except ConnectionResetError:
        pass
    return received


def drip(collector: Running, start: bytes) -> tuple[bytes, float]:
    """Sends a byte now and then until the server ends it; returns what it said, and after how long."""
    began = time.monotonic()
    with dial(collector) as connection:
        connection.sendall(start)
        connection.settimeout(0.3)
        while True:
            try:
                data = connection.recv(65_536)
                return data, time.monotonic() - began
            except TimeoutError:
                connection.sendall(b"x")


def test_slow_headers_end(collector: Running) -> None:
    answer, after = drip(collector, b"GET /healthz HTTP/1.1\r\nX-Slow: ")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"timeout"' in answer
    assert after >= 4.9, "not before the deadline"


def test_slow_body_ends(collector: Running) -> None:
    answer, after = drip(collector, HEAD + b"Content-Length: 9999\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert after >= 14.9, "not before the deadline"


def test_silent_connection_is_closed_without_a_word(collector: Running) -> None:
    with dial(collector) as connection:
        assert drained(connection) == b""


def test_endless_chunks(collector: Running) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    with dial(collector) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                connection.sendall(chunk)
                sent += len(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 40 * 1024 * 1024, "the server went on reading"
        answer = drained(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")


def test_chunked_over_the_limit_is_told(collector: Running) -> None:
    with dial(collector) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert drained(connection).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_gzip_bomb_is_told_and_its_connection_ends(collector: Running) -> None:
    """Found too large only once it is whole: there is nothing more of it to wait for."""
    bomb = gzip.compress(bytes(2 * 1024 * 1024))
    with dial(collector) as connection:
        connection.sendall(HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(bomb), bomb))
        assert drained(connection).startswith(b"HTTP/1.1 413 ")


BODY = b'{"type":"page","visitor_id":"v"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
SMUGGLED = [
    HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
    HEAD + b"Content-Length: +3\r\n\r\n{} ",
    HEAD + b"Content-Length: " + b"0" * 5_000 + b"%d\r\n\r\n" % len(BODY) + BODY,
    HEAD + b"Content-Length: " + b"0" * 19 + b"%d\r\n\r\n" % len(BODY) + BODY,
    HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"X: a\r\n folded\r\n" + LENGTH + b"\r\n" + BODY,
    HEAD + b"Host: b\r\n" + LENGTH + b"\r\n" + BODY,
    b"POST /v1/events HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY,
    b"GET /healthz HTTP/1.1\nHost: a\n\n",
    b"GET /he\0lthz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"NONSENSE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("sent", SMUGGLED, ids=range(len(SMUGGLED)))
def test_smuggling(collector: Running, sent: bytes) -> None:
    with dial(collector) as connection:
        connection.sendall(sent + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = drained(connection)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert collector.records() == []


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /healthz?" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 101 + b"\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 33_000 + b"\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000, b"431"),
    ],
)
def test_large_heads(collector: Running, request_bytes: bytes, status: bytes) -> None:
    with dial(collector) as connection:
        try:
            connection.sendall(request_bytes)
        except (BrokenPipeError, ConnectionResetError):
            return
        answer = drained(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 " + status)


def test_heads_at_the_limit(collector: Running) -> None:
    with dial(collector) as connection:
        head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + b"X: 1\r\n" * 98 + b"\r\n"
        connection.sendall(head)
        assert drained(connection).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(collector: Running) -> None:
    one = HEAD + LENGTH + b"\r\n" + BODY
    with dial(collector) as connection:
        connection.sendall(one * 3 + b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = drained(connection)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"202", b"202", b"202", b"200"]


def test_a_client_that_leaves_is_counted(collector: Running) -> None:
    with dial(collector) as connection:
        connection.sendall(HEAD + b"Content-Length: 999\r\n\r\n{")
    wait_until(lambda: b'code="disconnected"' in collector.get("/metrics").body)
