"""Every answer that is no success: one table from code to status, one shape of body. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.rejection import CODES

JSON_TYPE: Final = (b"content-type", b"application/json")
JSON_ONLY: Final = (JSON_TYPE,)
CLOSE: Final = (b"connection", b"close")

# code -> (status, what it means, how to mend it): about the request, where `schemas.rejection.CODES` is about an event.
REQUEST_CODES: Final[dict[str, tuple[int, str, str]]] = {
    "missing_key": (401, "No key was sent", "Send `Authorization: Bearer KEY`, or `write_key` in the body or query."),
    "unknown_key": (
        401,
        "This key opens no site",
        "Check the key: `netiv sites list`, or make one: `netiv sites add`.",
    ),
    "forbidden_origin": (
        403,
        "This origin may not send with this key",
        "Add it: `netiv sites add NAME --update --origin ORIGIN`.",
    ),
    "secret_key_needed": (
        403,
        "This key may not do this",
        "Send the site's secret key, from a server: it is what `netiv sites add` shows beside the write key.",
    ),
    "bad_signature": (
        401,
        "This call is not signed as this webhook's calls are",
        "Check the webhook's name, its secret, and the sender's clock (at most five minutes off).",
    ),
    "replayed": (409, "This call was received before", "Nothing is to be done: its events are stored."),
    "not_found": (404, "There is nothing at this path", "The endpoints are listed at /docs."),
    "unknown_receipt": (404, "This receipt is of no record in this log", "Use a receipt as it was answered."),
    "method_not_allowed": (405, "This path does not take this method", "See the `Allow` header."),
    "timeout": (408, "The request took too long to arrive", "Send the whole request at once."),
    "body_too_large": (413, "The body is over 1 MiB", "Split the batch."),
    "uri_too_long": (414, "The address is over 16 KiB", "POST the event instead."),
    "unsupported_media_type": (415, "This content type is not read here", "Send application/json or text/plain."),
    "unsupported_encoding": (415, "This content encoding is not read here", "Send gzip, or no encoding."),
    "headers_too_large": (431, "Too many or too large headers", "Send fewer cookies and headers."),
    "too_many_requests": (
        429,
        "This address sends too many requests",
        "Wait as long as `Retry-After` says; send events in batches.",
    ),
    "bad_request": (400, "This is not a valid HTTP request", "Use an HTTP client library."),
    "internal_error": (
        500,
        "Something failed inside the collector",
        "Retry; if it stays, look at the collector's log.",
    ),
    "log_full": (503, "The event log is full", "Retry later with the same event ids; free disk space on the server."),
    "log_unavailable": (503, "The event log can't be reached", "Retry later with the same event ids."),
    "overloaded": (503, "Too many requests are in flight", "Retry later with the same event ids."),
    "not_ready": (503, "Not ready to take events", "See which part is not reachable."),
    "sdk_not_built": (503, "The browser SDK is not built", "Run `make sdk`."),
}
# The few rejections that refuse a whole request, and how. All others of CODES are 400 when they concern a body.
_STATUS_OF_REJECTION: Final = {"batch_too_large": 413, "event_too_large": 413}


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What goes back over the wire. `headers` are of few kinds (their lines are kept), `own` this answer's alone."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    own: tuple[tuple[bytes, bytes], ...] = ()


class Fault(Exception):
    """Ends a request with the answer of its code."""

    def __init__(
        self, code: str, message: str = "", headers: tuple[tuple[bytes, bytes], ...] = (), hint: str = ""
    ) -> None:
        """`message` and `hint` stand in for the code's own."""
        super().__init__(code)
        self.code = code
        self.message = message
        self.headers = headers
        self.hint = hint


def status_of(code: str) -> int:
    """The HTTP status of a code."""
    if code in REQUEST_CODES:
        return REQUEST_CODES[code][0]
    return _STATUS_OF_REJECTION.get(code, 400)


def error_body(code: str, message: str = "", hint: str = "") -> bytes:
    """`{"error":{"code","message","hint"}}`."""
    meaning, cure = REQUEST_CODES[code][1:] if code in REQUEST_CODES else CODES[code]
    return msgspec.json.encode({"error": {"code": code, "message": message or meaning, "hint": hint or cure}})


def error_answer(code: str, message: str = "", headers: tuple[tuple[bytes, bytes], ...] = (), hint: str = "") -> Answer:
    """The answer of a code."""
    return Answer(status_of(code), error_body(code, message, hint), (JSON_TYPE, *headers))
