"""What one worker takes at most: requests of one address in a minute, requests that wait for the log."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

import pytest
from collector_server import SECRET, WRITE, Reply, Running, wait_until
from hypothesis import given
from hypothesis import strategies as st

from collector.client_ip import Proxies, anonymise, subscriber
from collector.rate import MINUTE_MS, Rate

PAGE = {"type": "page", "visitor_id": "v"}
NOW = 1_780_000_000_000


@given(st.integers(1, 5_000), st.lists(st.integers(0, 5_000), max_size=300))
def test_no_minute_admits_more_than_twice_the_limit_and_none_starves(limit: int, pauses: list[int]) -> None:
    rate, now, admitted = Rate(limit), NOW, []
    for number, pause in enumerate(pauses):
        now += pause
        wait = rate.wait_ms("a", now)
        assert 0 <= wait <= MINUTE_MS
        if wait:
            assert rate.wait_ms(f"b{number}", now) == 0, "another address has its own turns"
            now += ceil(wait)
            assert rate.wait_ms("a", now) == 0, "who waited as long as was told may pass"
        admitted.append(now)
    for first in admitted:
        assert sum(first <= when < first + MINUTE_MS for when in admitted) <= 2 * limit


def test_a_minutes_turns_may_be_saved_up_and_come_back_one_by_one() -> None:
    rate = Rate(3)
    assert [rate.wait_ms("a", NOW) for _ in range(4)] == [0, 0, 0, 20_000]
    assert rate.wait_ms("a", NOW + 19_999) == 1
    assert rate.wait_ms("a", NOW + 20_000) == 0
    assert rate.wait_ms("a", NOW + 20_001) == 19_999


def test_addresses_are_forgotten_before_they_fill_memory() -> None:
    rate = Rate(60, addresses_max=100)
    for number in range(1_000):
        assert rate.wait_ms(str(number), NOW) == 0
        assert len(rate) <= 100


def test_the_customer_of_an_ipv6_network_is_one_address() -> None:
    assert subscriber("2001:db8:1:2:3::4") == subscriber("2001:db8:1:2:ffff::1") != subscriber("2001:db8:1:3::1")
    assert subscriber("192.0.2.1") != subscriber("192.0.2.2")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("192.0.2.77", "192.0.2.0"), (" 192.0.2.77:443", "192.0.2.0"), ("::ffff:192.0.2.77", "192.0.2.0"), ("[2001:db8:1:2::3]:443", "2001:db8:1::"),
        ("2001:db8:1:2::3", "2001:db8:1::"), ("fe80:1:2:3::4%eth0", "fe80:1:2::"), ("unknown", ""), ("", ""),
    ],
)  # fmt: skip
def test_of_an_address_a_network_is_kept(text: str, kept: str) -> None:
    assert anonymise(text) == kept


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7 , 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"),
        ("192.0.2.1", "203.0.113.7", "192.0.2.1"),
        ("", "203.0.113.7", ""),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    peer: str, forwarded: str, client: str
) -> None:
    assert Proxies(("10.0.0.0/8",)).client(peer, forwarded) == client
    assert Proxies(()).client(peer, forwarded) == peer


def test_an_address_over_its_limit_is_told_when_to_come_back(start: Callable[..., Running]) -> None:
    collector = start(requests_per_minute_max=2, trusted_proxies=("127.0.0.0/8",))
    assert [collector.post(PAGE).status for _ in range(2)] == [202, 202]
    refused = collector.post(PAGE)
    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    pixel = collector.get(f"/p.gif?k={WRITE}&visitor_id=v")
    assert (pixel.status, pixel.headers["x-netiv-error"]) == (429, "too_many_requests")
    segment = collector.ask(
        "POST", f"/v1/page?writeKey={WRITE}", b'{"anonymousId":"v"}', {"authorization": f"Bearer {WRITE}"}
    )
    assert segment.status == 429
    assert collector.post(PAGE, SECRET).status == 202, "a server's own address says nothing"
    assert collector.post(PAGE, x_forwarded_for="198.51.100.7").status == 202, "another client of the proxy"
    assert len(collector.records()) == 4


def test_without_a_setting_there_is_no_limit(collector: Running) -> None:
    assert {collector.post(PAGE).status for _ in range(30)} == {202}


@contextmanager
def standing_still(folder: Path) -> Iterator[None]:
    """Nobody can write to the log in this folder, as when a disk hangs."""
    with (folder / "writer.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_more_than_may_wait_for_the_log_are_sent_away_and_the_others_are_kept(start: Callable[..., Running]) -> None:
    collector = start(requests_in_flight_max=8)
    replies: list[Reply] = []
    senders = [threading.Thread(target=lambda: replies.append(collector.post(PAGE))) for _ in range(8)]
    with standing_still(collector.settings.data / "log"):
        for sender in senders:
            sender.start()
        wait_until(lambda: b"netiv_http_requests_in_flight 8.0" in collector.get("/metrics").body)
        refused = collector.post(PAGE)
        assert (refused.status, refused.code) == (503, "overloaded")
        assert 5 <= int(refused.headers["retry-after"]) <= 30
        assert collector.get(f"/p.gif?k={WRITE}&visitor_id=v").status == 503
        assert not replies, "answered before anything was durable"
    for sender in senders:
        sender.join(20)
    assert [reply.status for reply in replies] == [202] * 8
    assert collector.post(PAGE).status == 202
    assert len(collector.records()) == 9
