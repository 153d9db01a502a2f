"""The bytes of bodies that one process holds for requests it has not answered: counted as they come, and bounded.

And what those are told that come when it is too much.
"""

from __future__ import annotations

import random
from typing import Final

# A body is held several times over on its way (as sent, as parsed, as records): this keeps a process under 300 MiB.
HELD_BYTES_MAX: Final = 12 * 1024 * 1024
RETRY_AFTER_S: Final = (5, 30)  # jittered, so that a crowd of clients does not come back at once


class Held:
    """How much is held now."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0

    @property
    def too_much(self) -> bool:
        """No more may come in."""
        return self.bytes > HELD_BYTES_MAX


def retry_after(least_s: float = RETRY_AFTER_S[0]) -> tuple[bytes, bytes]:
    """The header that spreads retries over time."""
    low = max(RETRY_AFTER_S[0], int(least_s))
    return b"retry-after", b"%d" % random.randint(low, max(low, RETRY_AFTER_S[1]))  # noqa: S311
