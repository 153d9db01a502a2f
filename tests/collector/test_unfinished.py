"""Bodies that never end: bounded in memory, by address and by what is known of the sender; others are served meanwhile."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_server import SECRET, WRITE, Running, wait_until, write_sites
from hypothesis import given
from hypothesis import strategies as st

from collector.held import ADDRESS_BYTES_MAX, HELD_BYTES_MAX, PUBLIC_BYTES_MAX, UNNAMED_BYTES_MAX, Coming, Held
from netiv.ports import choose
from schemas.limits import KIB, MIB
from schemas.settings import Settings
from tests.collector.test_overload import peak_memory
from tests.collector.test_process import alive, process

HERE, THERE, ELSEWHERE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
LARGEST = 6 * MIB
# What a process may grow by: bodies are held twice while they are put together, and sockets have buffers of their own.
GROWTH_MAX = 64 * MIB


@contextlib.contextmanager
def unfinished(port: int, head: bytes, sent: bytes, count: int, address: str = HERE) -> Iterator[list[socket.socket]]:
    """Requests whose end does not come."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=25, source_address=(address, 0))
            connections.append(stack.enter_context(connection))
            with contextlib.suppress(ConnectionError):  # refused and closed while it was sent
                connection.sendall(head)
                connection.sendall(sent)
        yield connections


def answered(connections: list[socket.socket]) -> int:
    return len(select.select(connections, [], [], 0)[0])


NATIVE = f"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: {MIB}\r\n\r\n".encode()
FOREIGN = f"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGEST}\r\n\r\n".encode()
PIXEL = f"GET /p.gif?k={WRITE} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("head", "sent", "count"),
    [
        (NATIVE, b" " * (MIB - 1), 150),
        (FOREIGN, b" " * (LARGEST - 1), 25),
        (PIXEL, b"100000\r\n%b\r\n" % (b" " * MIB) * 16, 8),
    ],
    ids=["native", "foreign", "pixel"],
)
def test_memory_is_bounded(tmp_path: Path, head: bytes, sent: bytes, count: int) -> None:
    write_sites(Settings(data=tmp_path))
    port = choose("127.0.0.1")
    with process(tmp_path, port) as running:
        wait_until(lambda: alive(port))
        before = peak_memory(running.pid)
        with unfinished(port, head, sent, count) as connections:
            # all but what one address may leave unfinished
            wait_until(lambda: answered(connections) >= count - ADDRESS_BYTES_MAX // len(sent))
            grown = peak_memory(running.pid) - before
            assert alive(port)
    assert grown <= GROWTH_MAX


def ask(collector: Running, key: str | None, address: str, *, kilobytes: int = 300, path: str = "/v1/events") -> int:
    """The status of a body that comes in two pieces."""
    event = {"type": "page", "visitor_id": "v", "properties": {"x": "y" * KIB}}
    batch = {"events" if path == "/v1/events" else "batch": [event] * kilobytes}
    if path == "/v1/batch":
        batch |= {"writeKey": WRITE}
    body = json.dumps(batch).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    if key is not None:
        head += f"Authorization: Bearer {key}\r\n"
    with socket.create_connection(("127.0.0.1", collector.port), timeout=25, source_address=(address, 0)) as connection:
        connection.sendall(f"{head}\r\n".encode() + body[: 64 * KIB])
        connection.sendall(body[64 * KIB :])
        return int(connection.recv(12)[9:])


def test_others_are_served_while_large_bodies_without_a_key_never_end(collector: Running) -> None:
    with unfinished(collector.port, FOREIGN, b" " * (LARGEST - 1), 2) as connections:
        wait_until(lambda: answered(connections) == 1)
        assert ask(collector, WRITE, THERE) == 202
        assert ask(collector, SECRET, HERE) == 202, "a server's address says nothing"
        assert ask(collector, None, THERE, path="/v1/batch") == 200
        assert collector.post({"type": "page", "visitor_id": "v"}).status == 202, "what comes whole"
        with unfinished(collector.port, FOREIGN, b" " * (LARGEST - 1), 2, ELSEWHERE) as more:
            wait_until(lambda: answered(more) == 2)
            assert ask(collector, WRITE, THERE) == 202
            assert ask(collector, SECRET, HERE) == 202
    wait_until(lambda: ask(collector, None, HERE, kilobytes=2_000, path="/v1/batch") == 200)


def test_a_public_key_does_not_open_more(collector: Running) -> None:
    head = FOREIGN.replace(b"\r\n\r\n", f"\r\nAuthorization: Bearer {WRITE}\r\n\r\n".encode())
    with (
        unfinished(collector.port, head, b" " * (LARGEST - 1), 2) as connections,
        unfinished(collector.port, head, b" " * (LARGEST - 1), 2, ELSEWHERE) as more,
    ):
        wait_until(lambda: answered(connections) == 1 and answered(more) == 2)
        assert ask(collector, SECRET, THERE) == 202
        assert collector.post({"type": "page", "visitor_id": "v"}).status == 202


@pytest.mark.parametrize("headers", ["Authorization: Bearer wrong\r\n", ""])
def test_an_unknown_key_is_told_before_the_body(collector: Running, headers: str) -> None:
    query = "" if headers else "?write_key=wrong"
    head = f"POST /v1/events{query} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {MIB}\r\n\r\n".encode()
    with unfinished(collector.port, head, b" " * 70_000, 1) as [connection]:
        assert connection.recv(12) == b"HTTP/1.1 401"


def test_who_was_answered_is_not_answered_again(collector: Running) -> None:
    """Its body is late all the same: the connection ends, without a second answer."""
    head = f"POST /v1/events?k=wrong HTTP/1.1\r\nHost: a\r\nContent-Length: {MIB}\r\n\r\n".encode()
    with unfinished(collector.port, head, b" " * 70_000, 1) as [connection]:
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65_536):
                received += data
    assert received.count(b"HTTP/1.1 ") == 1


SIZES = st.lists(st.integers(0, LARGEST), min_size=1, max_size=5).map(sorted)
BODIES = st.lists(st.tuples(st.sampled_from([0, PUBLIC_BYTES_MAX, UNNAMED_BYTES_MAX]), st.sampled_from("abc"), SIZES))


@given(BODIES)
def test_what_is_held_is_bounded_and_given_back(bodies: list[tuple[int, str, list[int]]]) -> None:
    """Bodies that begin one after the other, grow in turn, and stop growing where they are told to."""
    held = Held()
    with contextlib.ExitStack() as stack:
        growing = [(stack.enter_context(Coming(held, share, address)), sizes) for share, address, sizes in bodies]
        while growing:
            for one in list(growing):
                body, sizes = one
                if not sizes:
                    growing.remove(one)
                    continue
                size = sizes.pop(0)
                if not body.grown(size):
                    body.__exit__()
                    growing.remove(one)
                assert held.bytes <= HELD_BYTES_MAX
                assert held.coming <= PUBLIC_BYTES_MAX
                assert all(0 < size <= ADDRESS_BYTES_MAX for size in held.of_address.values())
                assert held.coming == sum(held.of_address.values())
    assert (held.bytes, held.coming, held.of_address) == (0, 0, {})
