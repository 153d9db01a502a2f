"""Who signed a webhook's call, over which bytes, and when. Pure: the clock is given.

Generic: `X-Netiv-Timestamp` (seconds), `X-Netiv-Signature: sha256=<hex>` of HMAC-SHA256 over `timestamp.path.body`; an
`X-Netiv-Nonce` is signed too (`timestamp.nonce.path.body`). Mautic: `Webhook-Signature`, base64 of HMAC-SHA256 over the body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from schemas.webhooks import WINDOW_S, Webhook

_PREFIX: Final = "sha256="


def generic(secret: str, timestamp: str, nonce: str, path: str, body: bytes) -> str:
    """The value of `X-Netiv-Signature`."""
    named = f"{timestamp}.{nonce}.{path}." if nonce else f"{timestamp}.{path}."
    return _PREFIX + hmac.new(secret.encode(), named.encode() + body, hashlib.sha256).hexdigest()


def mautic(secret: str, body: bytes) -> str:
    """The value of `Webhook-Signature`."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def verified(webhook: Webhook, path: str, headers: Mapping[bytes, bytes], body: bytes, now_s: float) -> str | None:
    """The signature that names this call (for the memory of replays), or None: not signed, wrongly, or at another time."""
    if webhook.kind == "mautic":
        given = headers.get(b"webhook-signature", b"").strip()
        return _equal(mautic(webhook.secret, body), given)
    given = headers.get(b"x-netiv-signature", b"").strip()
    timestamp = headers.get(b"x-netiv-timestamp", b"").decode("latin-1").strip()
    nonce = headers.get(b"x-netiv-nonce", b"").decode("latin-1").strip()
    found = _equal(generic(webhook.secret, timestamp, nonce, path, body), given)
    if found is None or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return None
    return found if abs(int(timestamp) - now_s) <= WINDOW_S else None


def _equal(expected: str, given: bytes) -> str | None:
    return expected if hmac.compare_digest(expected.encode("utf-8", "replace"), given) else None
