"""What was worked out of a text is remembered, if the text is short: senders choose how long texts are, and memories hold thousands."""

from __future__ import annotations

from collections.abc import Iterable
from functools import _lru_cache_wrapper
from typing import Final, TypeVar

T = TypeVar("T")
# Nearly all addresses, user agents and languages are shorter; one of 8,192 characters takes up to 32 KiB.
CHARS_MAX: Final = 1_024


def of(work: _lru_cache_wrapper[T], text: str) -> T:
    """What `work` makes of a text; of a long one, each time anew."""
    return work(text) if len(text) <= CHARS_MAX else work.__wrapped__(text)


def of_each(work: _lru_cache_wrapper[T], texts: Iterable[str]) -> list[T]:
    """The same of many: a call less for each."""
    return [work(text) if len(text) <= CHARS_MAX else work.__wrapped__(text) for text in texts]
