"""The address of a client, and what of it may be stored. Pure; headers are believed only from trusted proxies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

IPV4_BITS_KEPT: Final = 24
IPV6_BITS_KEPT: Final = 48
IPV6_SUBSCRIBER_BITS: Final = 64  # what an access network gives one customer, at least (RFC 6177)
_CACHED: Final = 16_384


def _address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):  # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


@lru_cache(maxsize=_CACHED)
def anonymise(text: str) -> str:
    """/24 of an IPv4 address, /48 of an IPv6 one; "" for what is no address."""
    address = _address(text)
    if address is None:
        return ""
    bits = IPV4_BITS_KEPT if address.version == 4 else IPV6_BITS_KEPT
    return str(ip_network((address, bits), strict=False).network_address)


@lru_cache(maxsize=_CACHED)
def subscriber(text: str) -> str:
    """What one client can't easily change: its IPv4 address, the /64 of its IPv6 one; never stored."""
    address = _address(text)
    if address is None or address.version == 4:
        return str(address)
    return str(ip_network((address, IPV6_SUBSCRIBER_BITS), strict=False).network_address)


class Proxies:
    """The proxies whose headers are believed."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._networks = [ip_network(cidr, strict=False) for cidr in trusted]

    def trusts(self, peer: str) -> bool:
        """Whether this address is one of ours."""
        if not self._networks:
            return False
        address = _address(peer)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str, forwarded: str) -> str:
        """The client's address: from the right of X-Forwarded-For over our proxies to the first that is none.

        Whatever a client wrote further to the left is never believed."""
        if not forwarded or not self.trusts(peer):
            return peer
        for hop in reversed(forwarded.split(",")):
            if _address(hop) is None:
                return peer
            if not self.trusts(hop):
                return hop.strip()
            peer = hop.strip()
        return peer
