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
    "missing_identifier": (
        "The event names nobody",
        "Send visitor_id, user_id, email, phone, one of `identifiers` or a click id.",
    ),
    "wrong_type": ("A field has the wrong JSON type", "See the pointer; the schema is at /v1/schema.json."),
    "invalid_time": ("A time can't be read", "Use ISO 8601 or epoch milliseconds."),
    "invalid_number": (
        "A number is not finite or too large",
        "Use plain JSON numbers; money up to 14 digits before the point.",
    ),
    "invalid_string": ("A string holds a NUL or is not valid Unicode", "Remove NUL characters and lone surrogates."),
    "event_too_large": ("The event is over 64 KiB", "Send less in `properties`."),
    "string_too_long": ("A string is over 8,192 characters", "Shorten it; long texts don't belong in events."),
    "too_many_keys": ("An object has over 255 keys", "Send fewer properties."),
    "too_deep": ("The event is nested over 16 levels", "Flatten it."),
    "identifier_too_long": ("An identifier is over 512 characters", "Send the identifier, not a document."),
    "too_many_cells": ("A row has more cells than the file has columns", "Quote cells that hold the delimiter."),
    "incomplete_day": (
        "Another row of the day can't be read, and a day of costs is taken as a whole",
        "Mend that row, and import the day's rows together.",
    ),
    "empty_batch": ("`events` is empty", "Send at least one event."),
    "batch_too_large": ("`events` has over 1,000 entries", "Split the batch."),
    "undecodable": ("The record could not be understood", "See the message; replay it with a patch."),
}


# code -> (what mostly causes it, the patch that mends it: "" where nothing can but sending it again).
CAUSES: Final[dict[str, tuple[str, str]]] = {
    "invalid_json": (
        "A template that does not escape quotes, a comma at the end, a body cut off on its way, `events` twice.",
        '[{"op": "replace", "path": "", "value": {"type": "page", "visitor_id": "v-1"}}]',
    ),
    "invalid_utf8": (
        "Text in Windows-1255 or another single-byte encoding; an emoji cut in two by a length limit.",
        '[{"op": "replace", "path": "", "value": {"type": "page", "visitor_id": "v-1"}}]',
    ),
    "invalid_gzip": ("The header says gzip and the body is not, or it was cut off.", ""),
    "not_an_object": (
        "A list sent where one event belongs, a string of JSON inside JSON, `null`.",
        '[{"op": "move", "from": "/0", "path": ""}]',
    ),
    "missing_type": (
        "An event written by hand, or another system's.",
        '[{"op": "add", "path": "/type", "value": "track"}]',
    ),
    "unknown_type": (
        "Another spelling (`Page`, `pageview`), or an event's name in the place of its type.",
        '[{"op": "replace", "path": "/type", "value": "page"}]',
    ),
    "missing_identifier": (
        "A server's event without the customer; a row of a file whose identifying column is empty or not known by its name.",
        '[{"op": "add", "path": "/user_id", "value": "u-1"}]',
    ),
    "wrong_type": (
        "A number as text, an object where text belongs; the pointer names the field.",
        '[{"op": "replace", "path": "/order/value", "value": 349.9}]',
    ),
    "invalid_time": (
        "A date as people write it (`31/12/2026`), a day that does not exist.",
        '[{"op": "replace", "path": "/created_at", "value": "2026-12-31T10:00:00Z"}]',
    ),
    "invalid_number": (
        "`NaN` or `Infinity` of a division by zero, an identifier in the place of an amount, text that is no amount.",
        '[{"op": "remove", "path": "/order/value"}]',
    ),
    "invalid_string": (
        "A NUL from a fixed-width field, half of an emoji, bytes that the file's encoding does not know.",
        '[{"op": "replace", "path": "/name", "value": "…"}]',
    ),
    "event_too_large": (
        "A whole page, image or cart history in the properties.",
        '[{"op": "remove", "path": "/properties/html"}]',
    ),
    "string_too_long": (
        "A text or an encoded image in one property.",
        '[{"op": "remove", "path": "/properties/text"}]',
    ),
    "too_many_keys": ("A dictionary with ids for names.", '[{"op": "remove", "path": "/properties/by_id"}]'),
    "too_deep": ("A tree or a DOM node in the properties.", '[{"op": "remove", "path": "/properties/tree"}]'),
    "identifier_too_long": (
        "A token or a whole profile in the place of an id.",
        '[{"op": "remove", "path": "/user_id"}]',
    ),
    "too_many_cells": ("A delimiter or a line end inside a cell without quotes, in an imported file.", ""),
    "incomplete_day": (
        "A report of costs in which one row is bad: what is sent of a day replaces all that was said of it.",
        "",
    ),
    "empty_batch": ("A timer that sends also when there is nothing.", ""),
    "batch_too_large": ("A queue that grew while the collector was away.", ""),
    "undecodable": (
        "A message of another system in a shape that its protocol does not know, or a webhook's without its usual parts.",
        "depends on the message: it says what is missing",
    ),
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
