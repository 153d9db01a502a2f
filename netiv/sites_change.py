"""What can be done to the sites: add one, extend one, rotate its keys.

Pure: sites in, sites out; the clock is given.
"""

from __future__ import annotations

import contextlib
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import ada_url
import msgspec
from phonenumbers import SUPPORTED_REGIONS

from netiv.errors import CommandError
from schemas.sites import Key, Site, Sites, hash_key

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
# Of a shorter key the hint would give too much away.
HINTED_CHARS_MIN = 8
_ORIGIN = re.compile(r"^https?://[^/\s?#@]+$")


class Wanted(msgspec.Struct, frozen=True):
    """What a user asks for a site; None and [] = not said."""

    name: str
    write_key: str | None = None
    secret_key: str | None = None
    origins: list[str] = []
    aliases: list[str] = []
    domains: list[str] = []
    timezone: str | None = None
    currency: str | None = None
    raw_contacts: bool | None = None
    phone_region: str | None = None


def find(sites: Sites, name: str) -> Site | None:
    """The site of this name."""
    return next((site for site in sites.sites if site.name == name), None)


def key_of(value: str, now_ms: int) -> Key:
    """What is kept of a key."""
    return Key(sha256=hash_key(value), hint=value[-4:] if len(value) >= HINTED_CHARS_MIN else "", created_at=now_ms)


def add(sites: Sites, wanted: Wanted, now_ms: int, update: bool = False) -> Sites:
    """The sites with this one. A site that already holds all of it stays as it is; else `update` is needed."""
    _check(wanted)
    present = find(sites, wanted.name)
    _no_theft(sites, wanted)
    if present is None:
        return Sites([*sites.sites, _extended(Site(name=wanted.name, created_at=now_ms), wanted, now_ms)])
    changed = _extended(present, wanted, now_ms)
    if changed != present and not update:
        raise CommandError(
            f"The site {wanted.name} exists, and this would change it.",
            f"Add --update to extend it, or make new keys with: netiv sites rotate {wanted.name}",
        )
    return put(sites, changed)


def put(sites: Sites, site: Site) -> Sites:
    """The sites with `site` in place of the one of its name."""
    return Sites([site if old.name == site.name else old for old in sites.sites])


def rotate(keys: list[Key], new: Key, revoke_at: int) -> list[Key]:
    """`new` beside the old keys, which end at `revoke_at` (those that end earlier, earlier)."""
    ended = [
        key
        if key.revoked_at is not None and key.revoked_at <= revoke_at
        else msgspec.structs.replace(key, revoked_at=revoke_at)
        for key in keys
    ]
    return [*ended, new]


def _extended(site: Site, wanted: Wanted, now_ms: int) -> Site:
    return msgspec.structs.replace(
        site,
        write_keys=_with_key(site.write_keys, wanted.write_key, now_ms),
        secret_keys=_with_key(site.secret_keys, wanted.secret_key, now_ms),
        origins=list(dict.fromkeys([*site.origins, *wanted.origins])),
        aliases=list(dict.fromkeys([*site.aliases, *wanted.aliases])),
        domains=list(dict.fromkeys([*site.domains, *map(_host, wanted.domains)])),
        timezone=wanted.timezone or site.timezone,
        currency=wanted.currency or site.currency,
        raw_contacts=site.raw_contacts if wanted.raw_contacts is None else wanted.raw_contacts,
        phone_region=wanted.phone_region or site.phone_region,
    )


def _with_key(keys: list[Key], value: str | None, now_ms: int) -> list[Key]:
    if value is None or any(key.sha256 == hash_key(value) and key.revoked_at is None for key in keys):
        return keys
    return [*keys, key_of(value, now_ms)]


def _check(wanted: Wanted) -> None:
    if not _NAME.match(wanted.name):
        raise CommandError(
            f"{wanted.name!r} can't be a site's name.",
            "Use letters, digits, dot, dash and underscore; 64 at most.",
            code=2,
        )
    for origin in wanted.origins:
        if not _ORIGIN.match(origin):
            raise CommandError(
                f"{origin!r} is not a web origin.", "Write scheme and host only: https://shop.example.", code=2
            )
    if wanted.currency is not None and not re.fullmatch(r"[A-Z]{3}", wanted.currency):
        raise CommandError(f"{wanted.currency!r} is not a currency.", "Use the ISO 4217 code: ILS, EUR, USD.", code=2)
    if wanted.phone_region is not None and wanted.phone_region not in SUPPORTED_REGIONS:
        raise CommandError(
            f"{wanted.phone_region!r} is not a country with phone numbers.",
            "Use the ISO 3166 code: IL, GB, US.",
            code=2,
        )
    if wanted.write_key is not None and wanted.write_key == wanted.secret_key:
        raise CommandError(
            "The write key and the secret key are the same.", "The write key is public: use two.", code=2
        )
    if wanted.timezone is not None:
        try:
            ZoneInfo(wanted.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise CommandError(
                f"{wanted.timezone!r} is not a time zone.", "Use an IANA name: Asia/Jerusalem.", code=2
            ) from None


def _host(domain: str) -> str:
    """The domain as it stands in referrers: lower-case, a Hebrew one as xn--…"""
    if not re.search(r"[/?#@:\\\s]", domain):
        with contextlib.suppress(ValueError):
            return str(ada_url.URL(f"https://{domain}/").hostname)
    raise CommandError(f"{domain!r} is not a domain.", "Write the host alone: shop.example.", code=2)


def _no_theft(sites: Sites, wanted: Wanted) -> None:
    """A key or alias opens one site, and is public or secret, never both."""
    public = {hash_key(value) for value in [wanted.write_key, *wanted.aliases] if value}
    secret = {hash_key(wanted.secret_key)} if wanted.secret_key else set()
    for site in sites.sites:
        site_public = {key.sha256 for key in site.write_keys} | {hash_key(alias) for alias in site.aliases}
        site_secret = {key.sha256 for key in site.secret_keys}
        other = site.name != wanted.name
        taken = (
            (public & site_secret)
            | (secret & site_public)
            | ((public | secret) & (site_public | site_secret) if other else set())
        )
        if taken:
            raise CommandError(
                f"A key or alias is already in use by the site {site.name}.", "Every key opens one site, one way."
            )
