"""Webhooks: which names there are, whose events they carry, the secrets they are signed with, how a body maps. Pure."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from schemas import jsonfile

FILE_NAME: Final = "webhooks.json"
NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
# A signature's time may be this far from our clock; what was received is remembered for longer than that.
WINDOW_S: Final = 300


class Webhook(msgspec.Struct, frozen=True, omit_defaults=True):
    """One webhook. `mapping` (generic): a canonical field's path (`order.value`) -> a JSON pointer into the entry, or
    `{"const": …}`; `entries` is the pointer to a list of entries, "" = the body is one."""

    name: str
    site: str
    secret: str
    kind: Literal["generic", "mautic"] = "generic"
    mapping: dict[str, Any] = {}
    entries: str = ""


class Webhooks(msgspec.Struct, frozen=True):
    """The file. It holds secrets: mode 0600."""

    webhooks: list[Webhook] = []


def parse(content: bytes) -> Webhooks:
    """The webhooks of a file. Raises `msgspec.MsgspecError` with the place of what is wrong."""
    return msgspec.json.decode(content, type=Webhooks) if content.strip() else Webhooks()


def dump(webhooks: Webhooks) -> bytes:
    """The file of these webhooks."""
    return jsonfile.dump(webhooks)
