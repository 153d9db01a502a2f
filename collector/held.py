"""The bytes of bodies that one process holds for requests it has not answered: counted as they come, and bounded.

A body that is still coming can be kept from ending, so the less is known of its sender the earlier it is turned away. Of all
that is held, bodies that still come may be two thirds while they are of senders whose key is not known yet, and five sixths
with those of write keys, which are public; one address may have half of all, as much as the largest body that is read. The
rest is for bodies that came whole and for secret keys. And what those are told that come when it is too much.
"""

from __future__ import annotations

import random
from typing import Final, Self

# A body is held several times over on its way (as sent, as parsed, as records): this keeps a process under 300 MiB.
HELD_BYTES_MAX: Final = 12 * 1024 * 1024
PUBLIC_BYTES_MAX: Final = HELD_BYTES_MAX * 5 // 6
UNNAMED_BYTES_MAX: Final = HELD_BYTES_MAX * 4 // 6
ADDRESS_BYTES_MAX: Final = HELD_BYTES_MAX * 3 // 6
RETRY_AFTER_S: Final = (5, 30)  # jittered, so that a crowd of clients does not come back at once


class Held:
    """How much is held now."""

    __slots__ = ("bytes", "coming", "of_address")

    def __init__(self) -> None:
        self.bytes = 0
        self.coming = 0  # of them, of bodies that anybody may send and that are not whole
        self.of_address: dict[str, int] = {}  # and by address

    @property
    def too_much(self) -> bool:
        """No more may come in."""
        return self.bytes > HELD_BYTES_MAX


class Coming:
    """One body on its way in; a context, which gives back at its end what it counted."""

    __slots__ = ("_address", "_bytes", "_held", "_share")

    def __init__(self, held: Held, share: int = 0, address: str = "") -> None:
        """`share`: how much may be coming in all when this one grows; 0 = it is a server's with the secret key."""
        self._held = held
        self._share = share
        self._address = address
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._count(-self._bytes)

    def grown(self, size: int) -> bool:
        """Counts what there is of it now; whether there is room for it."""
        self._count(size - self._bytes)
        held = self._held
        if not self._share:
            return not held.too_much
        fits = held.coming <= self._share and held.of_address.get(self._address, 0) <= ADDRESS_BYTES_MAX
        return fits and not held.too_much

    def _count(self, more: int) -> None:
        held = self._held
        self._bytes += more
        held.bytes += more
        if not self._share:
            return
        held.coming += more
        known = held.of_address.get(self._address, 0) + more
        if known:
            held.of_address[self._address] = known
        else:
            held.of_address.pop(self._address, None)


def retry_after(least_s: float = RETRY_AFTER_S[0]) -> tuple[bytes, bytes]:
    """The header that spreads retries over time."""
    low = max(RETRY_AFTER_S[0], int(least_s))
    return b"retry-after", b"%d" % random.randint(low, max(low, RETRY_AFTER_S[1]))  # noqa: S311
