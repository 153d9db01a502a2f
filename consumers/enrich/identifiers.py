"""Identifiers of an event, in their normal forms. Of e-mail and phone only the SHA-256 leaves this file."""

from __future__ import annotations

import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from consumers.enrich.contacts import contact_of, contacts_of
from schemas.sites import PHONE_REGION

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
# Digits that are all zero, however they are grouped.
_ZEROS: Final = re.compile(r"[+(]*0[0+()\s./-]*")
# White space as Unicode has it, and what is copied along unseen: marks of direction, joiners, byte order marks.
_UNSEEN: Final = "".join(
    one for one in map(chr, range(0x10000)) if one.isspace() or unicodedata.category(one) in ("Cc", "Cf")
)
# Marks of direction and joiners inside an address or a number, as a page in Hebrew has them.
_MARKS: Final = {ord(one): None for one in _UNSEEN if unicodedata.category(one) == "Cf"}
_AS_SENT: Final = frozenset({"user_id", "visitor_id"})
# Which identifier stands for an event without a visitor: the strongest first.
RANKING: Final = ("user_id", "email", "phone", "crm_id", "loyalty_id")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def trimmed(value: Any) -> str:
    """An identifier as text, without what stands around it unseen."""
    return str(value).strip(_UNSEEN)


def _visible(value: Any) -> str:
    """A contact as text, without what nobody sees of it."""
    return trimmed(value).translate(_MARKS)


def is_hashed(value: str) -> bool:
    """Whether a value is a SHA-256 already."""
    return bool(_SHA256.fullmatch(value))


@lru_cache(10_000)
def hash_email(value: str) -> str:
    """SHA-256 of the normal form; a value that is already one is kept. What is no address: of its trimmed lower case; zeros
    alone, however many: of `0`, so that one blocked value stands for all of them."""
    text = _visible(value)
    if _SHA256.fullmatch(text):
        return text.lower()
    if _ZEROS.fullmatch(text):
        return _digest("0")
    with contextlib.suppress(EmailNotValidError):
        text = validate_email(text, check_deliverability=False, test_environment=True).normalized
    return _digest(text.lower())


@lru_cache(10_000)
def hash_phone(value: str, region: str = PHONE_REGION) -> str:
    """SHA-256 of the E.164 form, with the extension if there is one (`+12025550100;ext=7`, RFC 3966): colleagues are not one person.
    National numbers are read as of `region`. Zeros alone, also behind the code of a country: of `0`."""
    text = _visible(value)
    if _SHA256.fullmatch(text):
        return text.lower()
    if _ZEROS.fullmatch(text):
        return _digest("0")
    try:
        parsed = phonenumbers.parse(text, region)
        if not parsed.national_number:
            return _digest("0")
        number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        return _digest(f"{number};ext={parsed.extension}" if parsed.extension else number)
    except phonenumbers.NumberParseException:
        return _digest(text.lower())


HASHED: Final = {"email": hash_email, "phone": hash_phone}


@lru_cache(10_000)
def stored_as(kind: str, value: str, region: str = PHONE_REGION) -> str:
    """An identifier's value as the tables hold it: contacts as their hash, and so is what is an address or an international number
    under any other name, but for the ids that an account and a visitor go by. `region` as of `hash_phone`."""
    text = trimmed(value)
    if kind == "email":
        return hash_email(text)
    if kind == "phone":
        return hash_phone(text, region)
    if kind not in _AS_SENT:
        seen = _visible(text)
        if "@" in seen and _is_address(seen):
            return hash_email(seen)
        if seen.startswith("+") and _is_number(seen):
            return hash_phone(seen)
    return text


def _is_address(text: str) -> bool:
    try:
        return bool(validate_email(text, check_deliverability=False, test_environment=True))
    except EmailNotValidError:
        return False


def _is_number(text: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False


def identifiers_of(event: Mapping[str, Any], context: Mapping[str, Any], region: str = PHONE_REGION) -> dict[str, str]:
    """Every identifier of an event but visitor_id and user_id: type -> value. Of several addresses, or numbers, the first one is
    `email`, or `phone`; the others keep the name they were sent by. `region` as of `hash_phone`."""
    found = {kind: stored_as(kind, text, region) for kind, text in contacts_of(event, context).items() if trimmed(text)}
    for name, value in (event.get("identifiers") or {}).items():
        if value is None or not (text := trimmed(value)):
            continue
        if not (contact := contact_of(name)):
            found[name.replace(":", "_")] = stored_as(name, text)  # a colon ends the type in `~type:value`
        elif (hashed := stored_as(contact, text, region)) != found.get(contact):
            found.setdefault(name.replace(":", "_"), hashed)
    return found


def subject_of(visitor_id: str, user_id: str, identifiers: Mapping[str, str]) -> str:
    """The key all events of one visitor share; an event without a visitor is filed under `~type:value`."""
    if visitor_id:
        return f"~visitor_id:{visitor_id}" if visitor_id.startswith("~") else visitor_id
    if user_id:
        return f"~user_id:{user_id}"
    for kind in (*RANKING, *sorted(identifiers)):
        if value := identifiers.get(kind):
            return f"~{kind}:{value}"
    return ""


def keys_of(kind: str, value: str) -> tuple[str, ...]:
    """The keys under which an identifier is dirty: `~type:value`, and a visitor also as the subject that it is."""
    key = f"~{kind}:{value}"
    return (key, value) if kind == "visitor_id" and not value.startswith("~") else (key,)
