"""Sites and their keys: a small file that collectors and consumers read. Pure: bytes in, values out.

Keys are stored as SHA-256 (they are long random strings, so a plain hash is enough) and looked up by that hash, so no
comparison ever runs over a key itself.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from schemas import jsonfile

FILE_NAME: Final = "sites.json"
PHONE_REGION: Final = "IL"  # whose numbers are meant where a number names no country


class Key(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key. `sha256` is hex; `hint` its last four characters, so that a person can tell keys apart."""

    sha256: str
    hint: str = ""
    created_at: int = 0
    revoked_at: int | None = None

    def good(self, now_ms: int) -> bool:
        """Whether it opens its site still."""
        return self.revoked_at is None or self.revoked_at > now_ms


class Site(msgspec.Struct, frozen=True, omit_defaults=True):
    """One tenant. `origins` are exact web origins that may send with the write key ([] = any); `aliases` what other
    systems call this site; `domains` its own registrable domains; `timezone` an IANA name, whose
    midnight ends sessions where the rule `midnight_starts_session` is on; `currency`: of amounts that name none ("" = none);
    `phone_region`: the country (ISO 3166-1 alpha-2) of phone numbers that name none; `raw_contacts`: e-mail addresses and phone
    numbers go into the tables as they were sent, beside their hashes."""

    name: str
    write_keys: list[Key] = []
    secret_keys: list[Key] = []
    origins: list[str] = []
    aliases: list[str] = []
    domains: list[str] = []
    timezone: str = "UTC"
    currency: str = ""
    created_at: int = 0
    raw_contacts: bool = False
    phone_region: str = PHONE_REGION


class Sites(msgspec.Struct, frozen=True):
    """The file."""

    sites: list[Site] = []


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What a key opens."""

    site: Site
    secret: bool


def hash_key(key: str) -> str:
    """SHA-256 of a key, hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def parse(content: bytes) -> Sites:
    """The sites of a file. Raises `msgspec.MsgspecError` with the place of what is wrong."""
    return msgspec.json.decode(content, type=Sites) if content.strip() else Sites()


def dump(sites: Sites) -> bytes:
    """The file of these sites."""
    return jsonfile.dump(sites)


def index(sites: Sites, now_ms: int = 0) -> dict[str, Grant]:
    """sha256(key or alias) -> what it opens. Revoked keys are left out; an alias opens what a write key opens."""
    grants: dict[str, Grant] = {}
    for site in sites.sites:
        public = [key.sha256 for key in site.write_keys if key.good(now_ms)]
        for digest in [*(hash_key(alias) for alias in site.aliases), *public]:
            grants[digest] = Grant(site, secret=False)
        for key in site.secret_keys:
            if key.good(now_ms):
                grants[key.sha256] = Grant(site, secret=True)
    return grants
