"""The rules of an installation: its rule files, and what its sites say of themselves."""

from __future__ import annotations

from pathlib import Path

import msgspec

from consumers.rules.files import Rules, RulesInvalid, load
from schemas.settings import Settings
from schemas.sites import parse


def in_force(settings: Settings, folder: Path | None = None) -> Rules:
    """The rules of a folder (the one in force when none is named). Where midnight cuts sessions, it is that of each site's zone.

    Raises `RulesInvalid`."""
    rules = load(folder or settings.rules_folder)
    if not rules.sessions.midnight_starts_session:
        return rules
    try:
        sites = parse(settings.sites_file.read_bytes()).sites
    except FileNotFoundError:
        return rules
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RulesInvalid(f"{settings.sites_file} can't be read: {error}") from error
    # a site that was given no zone has UTC
    zones = {site.name: site.timezone for site in sites if site.timezone != "UTC"}
    sessions = msgspec.structs.replace(rules.sessions, midnight_zones={**zones, **rules.sessions.midnight_zones})
    return msgspec.structs.replace(rules, sessions=sessions)
