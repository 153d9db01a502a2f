"""Identifiers as people type them: `user_id:dana`, `email:dana@example.com`. Addresses and phone numbers become their hash."""

from __future__ import annotations

from pathlib import Path

from netiv.errors import CommandError


def phone_region(site: str, data: Path | None = None) -> str:
    """Of what country this site's phone numbers are that name none; the default where no sites file has it."""
    from netiv import configuration, sites_change, sites_file
    from schemas.sites import Site

    found = sites_change.find(sites_file.read(configuration.load(data=data).sites_file), site)
    return (found or Site(site)).phone_region


def parse(text: str, region: str) -> tuple[str, str]:
    """(type, value as the tables hold it); ("", "") for nothing. `region` as of `phone_region`."""
    from consumers.enrich.identifiers import stored_as

    if not text:
        return "", ""
    kind, _, value = text.partition(":")
    if not kind or not value:
        raise CommandError(
            f"{text!r} is no identifier.", "Write type:value, as user_id:dana or email:dana@example.com.", code=2
        )
    return kind, stored_as(kind, value, region)
