"""What a dialect is: bytes of a foreign client in, canonical events out, and the answer that client needs back.

A decoder is pure. It knows no clock, no log, no server and no sites; it never raises for anything a sender can send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from collector.answers import Answer
from schemas.rejection import Rejection


class Request(msgspec.Struct, frozen=True):
    """One request, its body without content encoding, its path without our prefix. Header names are lower-case."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[bytes, bytes] = {}
    body: bytes = b""


class Item(msgspec.Struct, frozen=True):
    """One canonical event. `key` where it names its site by itself (Snowplow `aid`, Matomo `idsite`)."""

    event: dict[str, Any]
    key: str = ""


class Refused(msgspec.Struct, frozen=True):
    """What could not be understood, as it was sent, with the reason."""

    payload: bytes
    rejection: Rejection


class Decoded(msgspec.Struct, frozen=True):
    """What a request says.

    `keys` are tried in order until one opens a site. `sent_at` is the batch's. `broken`: the body as a whole could not
    be read (it is in `refused`). `dry`: judge, store nothing. `anonymous`: keep no address, set no cookie."""

    items: list[Item] = []
    refused: list[Refused] = []
    keys: tuple[str, ...] = ()
    sent_at: Any = None
    broken: bool = False
    dry: bool = False
    anonymous: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What became of a request. `visitor_id` is the visitor its events went by."""

    accepted: int = 0
    rejected: list[Rejection] = []
    visitor_id: str = ""


class Fields(msgspec.Struct, frozen=True):
    """The fields of a dialect: a path with `*` for any name (`[]` for any entry of a list).

    `mapped`: path -> where it goes. `kept`: goes to `properties.$dialect` as sent. `transport`: path -> why it is not
    stored (keys, send times of a retry)."""

    mapped: Mapping[str, str]
    kept: tuple[str, ...] = ()
    transport: Mapping[str, str] = {}


class Dialect(msgspec.Struct, frozen=True):
    """One family of clients.

    `paths` are exact, `matches` says which others are meant. `retry_window_s`: events without an id of their own are
    one when their content is equal within this window. `cookieless`: the client keeps no id, so one is derived."""

    name: str
    clients: str
    paths: frozenset[str]
    decode: Callable[[Request], Decoded]
    answer: Callable[[Request, Outcome], Answer]
    fields: Fields
    matches: Callable[[str], bool] = lambda path: False  # noqa: ARG005
    stub: Callable[[Request], Answer | None] = lambda request: None  # noqa: ARG005
    retry_window_s: int = 1
    cookieless: bool = False
    gone_status: int = 413  # the status that ends a client's retries of a body that is too large
