"""The rules of an installation: its rule files, and what its sites say of themselves."""

from __future__ import annotations

from pathlib import Path

import msgspec

from consumers.rules.continuity import Continuing
from consumers.rules.files import Rules, RulesInvalid, load
from schemas.settings import Settings
from schemas.sites import Site, parse


def in_force(settings: Settings, folder: Path | None = None) -> Rules:
    """The rules of a folder (the one in force when none is named), with each site's own domains as hosts that only continue a visit,
    and its zone where midnight cuts sessions. Raises `RulesInvalid`."""
    return with_sites(load(folder or settings.rules_folder), _sites(settings.sites_file))


def with_sites(rules: Rules, sites: list[Site]) -> Rules:
    """What sites say, where the rule files don't."""
    domains = [Continuing(domain.lower(), "own", site.name) for site in sites for domain in site.domains]
    if domains:
        rules = msgspec.structs.replace(rules, continuity=[*rules.continuity, *domains])
    if not rules.sessions.midnight_starts_session:
        return rules
    # a site that was given no zone has UTC
    zones = {site.name: site.timezone for site in sites if site.timezone != "UTC"}
    sessions = msgspec.structs.replace(rules.sessions, midnight_zones={**zones, **rules.sessions.midnight_zones})
    return msgspec.structs.replace(rules, sessions=sessions)


def _sites(file: Path) -> list[Site]:
    try:
        return parse(file.read_bytes()).sites
    except FileNotFoundError:
        return []
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RulesInvalid(f"{file} can't be read: {error}") from error
