"""Identifiers as people type them: `user_id:dana`, `email:dana@example.com`. Addresses and phone numbers become their hash."""

from __future__ import annotations

from netiv.errors import CommandError


def parse(text: str) -> tuple[str, str]:
    """(type, value as the tables hold it); ("", "") for nothing."""
    from consumers.enrich.identifiers import hash_email, hash_phone

    if not text:
        return "", ""
    kind, _, value = text.partition(":")
    if not kind or not value:
        raise CommandError(
            f"{text!r} is no identifier.", "Write type:value, as user_id:dana or email:dana@example.com.", code=2
        )
    hashed = {"email": hash_email, "phone": hash_phone}.get(kind)
    return kind, hashed(value) if hashed else value
