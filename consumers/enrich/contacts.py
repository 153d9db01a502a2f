"""Where an event names an e-mail address or a phone number: in its own fields, its identifiers or its traits, under any usual
spelling. Knows no hashes and no rules: what is found leaves raw, and what is left over holds none of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from schemas.event import CONTEXT_FIELDS, EVENT_FIELDS

CONTACTS: Final = ("email", "phone")
_GAPS: Final = re.compile(r"[\s_.-]+")
_SPELLINGS: Final = {
    **dict.fromkeys(("email", "emails", "emailaddress", "mail", "mailaddress", "useremail", "customeremail"), "email"),
    **dict.fromkeys(
        ("phone", "phones", "phonenumber", "telephone", "tel", "mobile", "mobilephone", "mobilenumber", "cell", "cellphone",
         "msisdn", "userphone", "customerphone"),
        "phone",
    ),
}  # fmt: skip
_NAMELESS: Final = EVENT_FIELDS - {*CONTACTS, "identifiers"}


@lru_cache(2_000)
def contact_of(name: str) -> str:
    """`email` or `phone` where a field's name is a usual spelling of it, else ""."""
    return _SPELLINGS.get(_GAPS.sub("", name).lower(), "")


def names_more(event: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    """False where an event can name nobody but a visitor and a user: most of them."""
    return not (_NAMELESS.issuperset(event) and CONTEXT_FIELDS.issuperset(context))


def contacts_of(event: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, str]:
    """`email` and `phone` as they were sent. The event's own fields count first, in each place the plain spelling."""
    found: dict[str, str] = {}
    for place in _places(event, context):
        names = [(name not in CONTACTS, name) for name in place if contact_of(name)]
        for _, name in sorted(names):
            value = place[name]
            if type(value) in (str, int) and (text := str(value)).strip():
                found.setdefault(contact_of(name), text)
    return found


def _places(event: Mapping[str, Any], context: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield event
    yield event.get("identifiers") or {}
    if event.get("type") != "group":  # whose traits are the group's: its office, its switchboard
        yield _traits(event)
    if not CONTEXT_FIELDS.issuperset(context):
        yield context
        yield _traits(context)


def _traits(place: Mapping[str, Any]) -> Mapping[str, Any]:
    traits = place.get("traits")
    return traits if type(traits) is dict else {}


def without_contacts(told: Any) -> Any:
    """Fields that no event has, without the addresses and numbers in them."""
    if type(told) is dict:
        return {name: without_contacts(value) for name, value in told.items() if not _is_contact(name, value)}
    return [without_contacts(value) for value in told] if type(told) is list else told


def _is_contact(name: str, value: Any) -> bool:
    """`mobile: true` says what a device is."""
    return type(value) in (str, int, list) and contact_of(name) != ""
