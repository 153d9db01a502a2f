"""Identifiers as people type them: `user_id:dana`, `email:dana@example.com`. Addresses and phone numbers become their hash."""

from __future__ import annotations

from netiv.errors import CommandError


def parse(text: str) -> tuple[str, str]:
    """(type, value as the tables hold it); ("", "") for nothing."""
    from consumers.enrich.identifiers import stored_as

    if not text:
        return "", ""
    kind, _, value = text.partition(":")
    if not kind or not value:
        raise CommandError(
            f"{text!r} is no identifier.", "Write type:value, as user_id:dana or email:dana@example.com.", code=2
        )
    return kind, stored_as(kind, value)
