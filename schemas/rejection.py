"""Why an event or a request was refused: a closed set of codes, each with the hint that tells a sender how to mend it.

A rejection is data. It knows nothing of HTTP; `collector.answers` maps codes to statuses.
"""

from __future__ import annotations

from typing import Final

import msgspec

# code -> (what it means, how to mend it). Docs and the published list are generated from this table.
CODES: Final[dict[str, tuple[str, str]]] = {
    "invalid_json": ("The body is not JSON", "Send one JSON object, UTF-8, no NaN or Infinity."),
    "invalid_utf8": ("The body is not UTF-8", "Encode the body as UTF-8 without lone surrogates."),
    "invalid_gzip": ("The body is not valid gzip", "Send `Content-Encoding: gzip` only with a complete gzip stream."),
    "not_an_object": ("An event must be a JSON object", 'Send {"type": …} or {"events": [{…}]}.'),
    "missing_type": (
        "`type` is missing",
        "Set `type` to page, screen, track, identify, alias, group, touch, conversion or refund.",
    ),
    "unknown_type": (
        "`type` is not one of the known types",
        "Use page, screen, track, identify, alias, group, touch, conversion or refund.",
    ),
    "missing_identifier": ("The event names nobody", "Send visitor_id, user_id, email, phone or one of `identifiers`."),
    "wrong_type": ("A field has the wrong JSON type", "See the pointer; the schema is at /v1/schema.json."),
    "invalid_time": ("A time can't be read", "Use ISO 8601 or epoch milliseconds."),
    "time_out_of_range": (
        "The event's time is outside the accepted range",
        "Check the sender's clock, or import it with the secret key.",
    ),
    "invalid_number": (
        "A number is not finite or too large",
        "Use plain JSON numbers; money up to 14 digits before the point.",
    ),
    "invalid_string": ("A string holds a NUL or is not valid Unicode", "Remove NUL characters and lone surrogates."),
    "event_too_large": ("The event is over 64 KiB", "Send less in `properties`."),
    "string_too_long": ("A string is over 8 KiB", "Shorten it; long texts don't belong in events."),
    "too_many_keys": ("An object has over 255 keys", "Send fewer properties."),
    "too_deep": ("The event is nested over 16 levels", "Flatten it."),
    "identifier_too_long": ("An identifier is over 512 characters", "Send the identifier, not a document."),
    "forbidden_field": ("This field needs the secret key", "Send it from a server with the secret key."),
    "empty_batch": ("`events` is empty", "Send at least one event."),
    "batch_too_large": ("`events` has over 1,000 entries", "Split the batch."),
    "undecodable": ("The record could not be understood", "See the message; replay it with a patch."),
}


class Rejection(msgspec.Struct, frozen=True):
    """One refused event: `pointer` is an RFC 6901 JSON pointer into the event ("" = the whole of it)."""

    code: str
    pointer: str = ""
    message: str = ""

    @property
    def hint(self) -> str:
        """How to mend it, in one sentence."""
        return CODES[self.code][1]
