"""The customers: accounts, devices, and households that share a tablet."""

from __future__ import annotations

import random

import msgspec

# Real strings of 2025 and 2026: phones first, because customers are on phones.
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"
USER_AGENTS = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_WEBKIT} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
)
_ACCOUNTS = 0.75
_SHARED = 0.10


class Device(msgspec.Struct, frozen=True):
    """A browser on a device. On a shared one everybody logs in first and out at last."""

    visitor_id: str
    user_agent: str
    shared: bool = False


class Person(msgspec.Struct, frozen=True):
    """A customer. `user_id` "" = never makes an account, and has one device."""

    name: str
    user_id: str
    devices: tuple[Device, ...]
    hebrew: bool


def make(rng: random.Random, count: int, prefix: str) -> list[Person]:
    """So many customers."""
    people: list[Person] = []
    tablet: Device | None = None
    for number in range(count):
        account = rng.random() < _ACCOUNTS
        devices = [
            _device(rng, f"{prefix}v{number}-{index}") for index in range(rng.choice((1, 2, 2, 3)) if account else 1)
        ]
        if account and rng.random() < _SHARED:  # neighbours in the list form a household
            waiting, tablet = (tablet, None) if tablet else (None, _device(rng, f"{prefix}tablet{number}", shared=True))
            devices.append(waiting or tablet or devices[0])
        people.append(
            Person(f"{prefix}p{number}", f"{prefix}u{number}" if account else "", tuple(devices), rng.random() < 0.7)
        )
    return people


def _device(rng: random.Random, visitor_id: str, shared: bool = False) -> Device:
    return Device(visitor_id, rng.choice(USER_AGENTS), shared)
