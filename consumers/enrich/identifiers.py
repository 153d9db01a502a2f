"""Identifiers of an event, in their normal forms. Raw e-mail and phone leave this file for sites that want them; else
only their SHA-256 does."""

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

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
# Digits that are all zero, however they are grouped.
_ZEROS: Final = re.compile(r"[+(]*0[0+()\s./-]*")
# White space as Unicode has it, and what is copied along unseen: marks of direction, joiners, byte order marks.
_UNSEEN: Final = "".join(
    one for one in map(chr, range(0x10000)) if one.isspace() or unicodedata.category(one) in ("Cc", "Cf")
)
# Which identifier stands for an event without a visitor: the strongest first.
RANKING: Final = ("user_id", "email", "phone", "crm_id", "loyalty_id")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def trimmed(value: Any) -> str:
    """An identifier as text, without what stands around it unseen."""
    return str(value).strip(_UNSEEN)


@lru_cache(10_000)
def hash_email(value: str) -> str:
    """SHA-256 of the normal form; a value that is already one is kept. What is no address: of its trimmed lower case; zeros
    alone, however many: of `0`, so that one blocked value stands for all of them."""
    text = trimmed(value)
    if _SHA256.fullmatch(text):
        return text.lower()
    if _ZEROS.fullmatch(text):
        return _digest("0")
    with contextlib.suppress(EmailNotValidError):
        text = validate_email(text, check_deliverability=False, test_environment=True).normalized
    return _digest(text.lower())


@lru_cache(10_000)
def hash_phone(value: str, region: str = "IL") -> str:
    """SHA-256 of the E.164 form; national numbers are read as of `region`. Zeros alone, also behind the code of a country: of `0`."""
    text = trimmed(value)
    if _SHA256.fullmatch(text):
        return text.lower()
    if _ZEROS.fullmatch(text):
        return _digest("0")
    try:
        parsed = phonenumbers.parse(text, region)
        if not parsed.national_number:
            return _digest("0")
        return _digest(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    except phonenumbers.NumberParseException:
        return _digest(text.lower())


def identifiers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Every identifier of an event but visitor_id and user_id: type -> value."""
    if not (event.get("identifiers") or event.get("email") or event.get("phone")):
        return {}
    found = {
        str(kind).replace(":", "_"): text  # a colon ends the type in `~type:value`
        for kind, value in (event.get("identifiers") or {}).items()
        if value is not None and (text := trimmed(value))
    }
    for kind, normal in (("email", hash_email), ("phone", hash_phone)):
        told = event.get(kind)
        if text := ("" if told is None else trimmed(told)) or found.get(kind):
            found[kind] = normal(text)
    return found


def contacts_of(event: Mapping[str, Any]) -> dict[str, str]:
    """E-mail and phone as they were sent, for sites that want them."""
    among = event.get("identifiers") or {}
    return {kind: str(told) for kind in ("email", "phone") if (told := event.get(kind) or among.get(kind))}


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
