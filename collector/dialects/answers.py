"""Answers that foreign clients take for what they are. Pure.

An error body always has `code` and `message` beside `success`: a client that misses one takes the refusal for a network
failure and sends again.
"""

from __future__ import annotations

from typing import Final

import msgspec

from collector.answers import JSON_TYPE, REQUEST_CODES, Answer
from collector.image import GIF, GIF_TYPE, NO_STORE
from schemas.rejection import CODES

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


def image() -> Answer:
    """The 1×1 image."""
    return Answer(200, GIF, (GIF_TYPE, NO_STORE, _NOSNIFF))


def json(value: object, status: int = 200) -> Answer:
    """A JSON body."""
    return Answer(status, msgspec.json.encode(value), (JSON_TYPE, NO_STORE, _NOSNIFF))


def plain(body: bytes) -> Answer:
    """A text body."""
    return Answer(200, body, ((b"content-type", b"text/plain; charset=utf-8"), NO_STORE, _NOSNIFF))


def refusal(status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> Answer:
    """An error in the shape that no client mistakes."""
    meaning, hint = REQUEST_CODES[code][1:] if code in REQUEST_CODES else CODES[code]
    body = {
        "code": status,
        "message": message or meaning,
        "detail": hint,
        "error": code,
        "success": False,
        "ok": False,
    }
    return Answer(status, msgspec.json.encode(body), (JSON_TYPE, NO_STORE, _NOSNIFF, *headers))
