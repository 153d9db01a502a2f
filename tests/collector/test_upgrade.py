"""An offer to go on in another protocol (`Upgrade`) is ignored: the request is read and answered as any other."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest
from collector_server import WRITE, Running

from schemas.record import Accepted, Bad

EVENT = b'{"type":"page","visitor_id":"v","event_id":"%d"}'
# As java.net.http.HttpClient of JDK 17 writes each request to an http address, unless told to speak HTTP/1.1 only.
JAVA = (
    b"POST %b HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: %d\r\nHost: 127.0.0.1:8080\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\nUpgrade: h2c\r\nUser-Agent: Java-http-client/17.0.15\r\n"
    b"Authorization: Bearer " + WRITE.encode() + b"\r\nContent-Type: application/json\r\n\r\n%b"
)
LAST = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def offered(number: int, path: bytes = b"/v1/events") -> bytes:
    body = EVENT % number
    return JAVA % (path, len(body), body)


def answers(collector: Running, pieces: Sequence[bytes]) -> list[bytes]:
    """The statuses of all answers to what is sent, each piece as a segment of its own."""
    received = b""
    with socket.create_connection(("127.0.0.1", collector.port), timeout=25) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        while data := connection.recv(65_536):
            received += data
    return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]


def stored(collector: Running) -> list[str]:
    return [record.event_id for record in collector.records() if isinstance(record, Accepted)]


def test_in_one_segment(collector: Running) -> None:
    assert answers(collector, [offered(1) + LAST]) == [b"202", b"200"]
    assert stored(collector) == ["1"]


def test_cut_anywhere(collector: Running) -> None:
    length = len(offered(1_000))
    for at in range(1, length):
        sent = offered(1_000 + at)
        assert answers(collector, [sent[:at], sent[at:] + LAST]) == [b"202", b"200"], at
    assert stored(collector) == [str(1_000 + at) for at in range(1, length)]


def test_byte_by_byte(collector: Running) -> None:
    sent = offered(1) + LAST
    assert answers(collector, [sent[at : at + 1] for at in range(len(sent))]) == [b"202", b"200"]


def test_pipelined(collector: Running) -> None:
    """With others that offer nothing between, and where the first is still being answered."""
    plain = EVENT % 99
    head = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
    other = head % (WRITE.encode(), len(plain)) + plain
    sent = b"".join(offered(number) for number in range(20)) + other + offered(20) + LAST
    assert answers(collector, [sent]) == [b"202"] * 22 + [b"200"]
    assert stored(collector) == [*map(str, range(20)), "99", "20"]


def test_chunked(collector: Running) -> None:
    head, _, body = offered(1).partition(b"\r\n\r\n")
    head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
    sent = b"%b\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)
    for at in (len(head) + 2, len(head) + 4, len(head) + 20, len(sent) - 3):
        assert answers(collector, [sent[:at], sent[at:] + LAST]) == [b"202", b"200"]


def test_a_body_is_no_request(collector: Running) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    sent = JAVA % (b"/v1/events", len(hidden), hidden)
    at = len(sent) - len(hidden)
    for pieces in ([sent + LAST], [sent[:at], hidden + LAST], [sent[:at], hidden, LAST]):
        assert answers(collector, pieces) == [b"400", b"200"]
    assert [record.payload for record in collector.records() if isinstance(record, Bad)] == [hidden] * 3


@pytest.mark.parametrize("path", [b"/v1/track", b"/readyz"])
def test_other_endpoints(collector: Running, path: bytes) -> None:
    first, last = answers(collector, [offered(1, path) + LAST])
    assert (len(first), last) == (3, b"200")


def test_no_tunnel(collector: Running) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    for target in (b"a:443", b"/v1/events", b"http://a/"):
        head = b"CONNECT " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        assert answers(collector, [head + hidden]) == [b"400"]
        assert answers(collector, [head[:20], head[20:] + hidden]) == [b"400"]


def test_its_head_has_the_same_limits(collector: Running) -> None:
    for lines, status in ((b"X: 1\r\n" * 95, b"431"), (b"X: " + b"a" * 33_000 + b"\r\n", b"431")):
        sent = offered(1).replace(b"Upgrade: h2c\r\n", lines + b"Upgrade: h2c\r\n")
        assert answers(collector, [sent + LAST]) == [status]
        assert answers(collector, [sent[:20_000], sent[20_000:] + LAST])[:1] == [status]
