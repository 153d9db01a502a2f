"""The keys of all sites, as the sites file says now: reloaded when the file changes, looked up by hash.

A new key works at once (an unknown key makes us look at the file), a revoked one dies within a second or two.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from collector.credentials import KEY_CHARS_MAX, key_in_header
from collector.watched import Stamp, stamp_of
from schemas.sites import Grant, Site, Sites, hash_key, index, parse

CHECK_INTERVAL_MS: Final = 1_000
# An unknown key may make us look at the file this often, so that a storm of them is no storm of stat calls.
UNKNOWN_INTERVAL_MS: Final = 20
MEMORY_KEYS_MAX: Final = 4_096
# A header with more around its key (spaces, a password) is read each time, not remembered.
HEADER_BYTES_MAX: Final = 1_024


class Registry:
    """Keys -> grants, kept fresh from one file."""

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms
        self._stamp: Stamp | None = None
        self._checked_at = 0
        self._expires_at: int | None = None
        self._sites: list[Site] = []
        self._grants: dict[str, Grant] = {}
        self._memory: dict[str, Grant] = {}  # keys that were found, until the file changes
        self._headers: dict[bytes, Grant] = {}  # and whole headers
        self._origins: frozenset[str] = frozenset()
        self._open = False
        self._log = structlog.get_logger("netiv.registry")
        self.refresh()

    def grant(self, key: str) -> Grant | None:
        """What this key opens."""
        now = self._now_ms()
        if now - self._checked_at >= CHECK_INTERVAL_MS:
            self.refresh()
        # A dict's own hash is salted per process and decides before any key is compared, so its time tells nothing.
        found = self._memory.get(key)
        if found is not None:
            return found
        digest = hash_key(key)
        found = self._grants.get(digest)
        if found is None and now - self._checked_at >= UNKNOWN_INTERVAL_MS:
            self.refresh()
            found = self._grants.get(digest)
        if found is not None and len(self._memory) < MEMORY_KEYS_MAX:
            self._memory[key] = found
        return found

    def grant_of(self, authorization: bytes) -> Grant | None:
        """What the key of this header opens: remembered, where it came before."""
        if self._now_ms() - self._checked_at >= CHECK_INTERVAL_MS:
            self.refresh()
        found = self._headers.get(authorization)
        if found is None and (key := key_in_header(authorization)) is not None:
            found = self.grant(key[:KEY_CHARS_MAX])
            short = len(authorization) <= HEADER_BYTES_MAX
            if found is not None and short and len(self._headers) < MEMORY_KEYS_MAX:
                self._headers[authorization] = found
        return found

    def site(self, name: str) -> Site | None:
        """The site of this name."""
        return self.signer(lambda site: site.name == name)

    def signer(self, signed: Callable[[Site], bool]) -> Site | None:
        """The site that this says yes to. All are asked, so that the time taken tells nothing."""
        if self._now_ms() - self._checked_at >= CHECK_INTERVAL_MS:
            self.refresh()
        return next((site for site in [site for site in self._sites if signed(site)]), None)

    def allows(self, origin: str) -> tuple[bool, bool]:
        """For a request whose site is not known yet: (may some site be sent to from here, with credentials)."""
        if self._now_ms() - self._checked_at >= CHECK_INTERVAL_MS:
            self.refresh()
        listed = origin in self._origins
        return (listed or self._open) and origin != "null", listed

    def refresh(self) -> None:
        """Look at the file now."""
        now = self._checked_at = self._now_ms()
        try:
            stamp = stamp_of(self._path)
            if stamp == self._stamp and (self._expires_at is None or now < self._expires_at):
                return
            content = self._path.read_bytes() if stamp is not None else b""
        except OSError as error:  # the disk does not answer now: nobody's key is gone for that
            self._log.error("sites_file_unreadable", error=type(error).__name__)
            return
        self._stamp = stamp
        try:
            sites = parse(content)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:  # it is being edited: the last good state stands
            self._log.error("sites_file_unreadable", error=type(error).__name__)
            return
        self._use(sites, now)

    def _use(self, sites: Sites, now: int) -> None:
        self._sites = sites.sites
        self._grants = index(sites, now)
        self._memory = {}
        self._headers = {}
        self._origins = frozenset(origin for site in sites.sites for origin in site.origins)
        self._open = any(not site.origins for site in sites.sites)
        keys = (key for site in sites.sites for key in [*site.write_keys, *site.secret_keys])
        self._expires_at = min(
            (key.revoked_at for key in keys if key.revoked_at is not None and key.revoked_at > now), default=None
        )
