"""A kept message of a foreign client as the request it came in, so that its own decoder reads it again. Pure."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from collector.dialects.catalogue import DIALECTS
from collector.dialects.contract import Request
from collector.dialects.values import pairs
from schemas.decoding import DECODE_ERRORS
from schemas.event import EVENT_TYPES

BY_NAME: Final = {dialect.name: dialect for dialect in DIALECTS}
# Where each dialect takes batches: what came alone is a batch of one.
_PATHS: Final = {
    "segment": "/v1/batch", "snowplow": "/com.snowplowanalytics.snowplow/tp2", "ga4": "/mp/collect", "ga4_browser": "/g/collect",
    "posthog": "/batch/",
    "matomo": "/matomo.php", "mautic": "/mtc/event", "plausible": "/api/event", "umami": "/api/send", "meta_capi": "/v1.0/0/events",
}  # fmt: skip
_FORMS: Final = frozenset({"snowplow", "matomo", "mautic", "ga4_browser"})
_WHO: Final = frozenset({"visitor_id", "user_id", "email", "phone", "identifiers"})


def document_of(payload: bytes, dialect: str) -> Any:
    """What a patch is applied to: the JSON document, or the parameters of a query. Raises `ValueError` for neither."""
    document = _json(payload)
    if document is msgspec.UNSET and dialect in _FORMS and b"=" in payload:
        return dict(pairs(payload))
    if document is msgspec.UNSET:
        raise ValueError("the payload is no JSON")
    return document


def is_canonical(payload: bytes, dialect: str) -> bool:
    """Whether it is an event already: of a native sender, or refused after it was decoded."""
    if dialect not in BY_NAME:
        return True
    document = _json(payload)
    return isinstance(document, dict) and bool(_WHO & document.keys()) and _is_type(document.get("type"))


def request_of(payload: bytes, dialect: str) -> Request:
    """The request that says this."""
    document = _json(payload)
    if document is msgspec.UNSET and dialect == "snowplow":
        return Request("GET", "/i", payload)
    body = payload
    if isinstance(document, dict) and dialect in ("mautic", "ga4_browser"):
        body = urlencode({name: str(value) for name, value in document.items()}).encode()
    elif isinstance(document, dict) and dialect == "matomo" and "requests" not in document:
        body = msgspec.json.encode({"requests": [document]})
    return Request("POST", _PATHS[dialect], b"", {}, body)


def _json(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except DECODE_ERRORS:
        return msgspec.UNSET


def _is_type(value: object) -> bool:
    return isinstance(value, str) and value in EVENT_TYPES
