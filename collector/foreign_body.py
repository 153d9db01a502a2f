"""The bodies of foreign clients: larger batches than ours, gzip with or without a word about it, any content type."""

from __future__ import annotations

import re
from typing import Final

from collector.answers import CLOSE, Fault
from collector.dialects.contract import Request
from collector.inflate import MAGIC, InflatedTooLarge, InvalidGzip, inflate
from schemas.limits import MIB
from schemas.rejection import CODES, Rejection

# RudderStack's Python library makes batches of 4 MiB (sent as gzip by default), PostHog's of 5 MB.
BODY_BYTES_MAX: Final = 6 * MIB
INFLATED_BYTES_MAX: Final = 6 * MIB
BATCH_EVENTS_MAX: Final = 2_500
_KEYS: Final = r"writeKey|write_key|api_key|token|token_auth|access_token|api_secret|aid|website|domain|d"
_KEY: Final = re.compile(rb'"(?:' + _KEYS.encode() + rb')"\s*:\s*"([^"\\]{1,512})"')
_SECRETS: Final = rb"writeKey|write_key|api_key|token|token_auth|access_token|api_secret"
_MASKED_JSON: Final = re.compile(rb'("(?:' + _SECRETS + rb')"\s*:\s*)"[^"\\]{1,512}"')
_MASKED_FORM: Final = re.compile(rb"((?:^|[?&])(?:" + _SECRETS + rb")=)[^&\"]{1,512}")


def content_of(request: Request) -> bytes | Rejection:
    """The body without gzip, which some senders don't announce. Raises `Fault` for a bomb."""
    if request.body[:2] != MAGIC:
        if request.headers.get(b"content-encoding", b"").strip().lower() in (b"gzip", b"x-gzip") and request.body:
            return request.body if request.body[:1] in (b"{", b"[") else _not_gzip()
        return request.body
    try:
        return inflate(request.body, INFLATED_BYTES_MAX)
    except InflatedTooLarge:
        raise Fault("body_too_large", "The body is over 6 MiB after decompression", (CLOSE,)) from None
    except InvalidGzip:
        return _not_gzip()


def _not_gzip() -> Rejection:
    return Rejection("invalid_gzip", "", CODES["invalid_gzip"][0])


def keys_in(body: bytes) -> list[str]:
    """What may be a key in a body that nobody could read."""
    return [found.decode("latin-1") for found in dict.fromkeys(_KEY.findall(body))][:16]


def masked(payload: bytes) -> bytes:
    """A payload without the keys in it."""
    return _MASKED_FORM.sub(rb"\1***", _MASKED_JSON.sub(rb'\1"***"', payload))
