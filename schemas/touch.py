"""Kinds of touchpoints. Senders may have kinds of their own; these are the ones that shipped rules know. Pure."""

from __future__ import annotations

from typing import Final

VISIT: Final = "visit"
KINDS: Final = (
    VISIT, "click", "impression", "open", "message", "chat", "call", "store_visit", "attendance", "review", "post", "share", "scan",
    "interaction",
)  # fmt: skip
