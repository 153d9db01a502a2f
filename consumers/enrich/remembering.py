"""What was worked out of a text is remembered, if the text is short: senders choose how long texts are, and memories hold thousands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
# Nearly all addresses, user agents and languages are shorter; one of 8,192 characters takes up to 32 KiB.
CHARS_MAX: Final = 1_024


class Remembered(Protocol[T_co]):
    """A function of a text under `functools.lru_cache`."""

    @property
    def __wrapped__(self) -> Callable[..., T_co]: ...
    def __call__(self, text: Any, /) -> T_co: ...


def of(work: Remembered[T], text: str) -> T:
    """What `work` makes of a text; of a long one, each time anew."""
    return work(text) if len(text) <= CHARS_MAX else work.__wrapped__(text)


def of_each(work: Remembered[T], texts: Iterable[str]) -> list[T]:
    """The same of many: a call less for each."""
    return [work(text) if len(text) <= CHARS_MAX else work.__wrapped__(text) for text in texts]
