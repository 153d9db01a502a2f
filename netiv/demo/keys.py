"""The demo's own site and its keys. Sites hold hashes only, so the demo keeps its keys beside them, mode 0600."""

from __future__ import annotations

from pathlib import Path

import msgspec

from eventlog.clock import epoch_ms
from netiv import keys, sites_change, sites_file
from netiv.demo.sender import Keys
from netiv.demo.visit import HOST
from schemas.settings import Settings
from schemas.sites import Sites

SITE = "demo"
SHOP = "demo-shop"
FILE_NAME = "demo-keys.json"


def obtain(settings: Settings) -> Keys:
    """The keys of the site `demo`; the site, and keys that fit it, are made where they are missing."""
    path = settings.data / FILE_NAME
    chosen = _read(path) or Keys(keys.write_key(), keys.secret_key())

    def change(sites: Sites) -> Sites:
        wanted = sites_change.Wanted(
            SITE, chosen.write_key, chosen.secret_key,
            domains=[HOST.removeprefix("https://")], timezone="Asia/Jerusalem", currency="ILS",
        )  # fmt: skip
        return sites_change.add(sites, wanted, epoch_ms(), update=True)

    sites_file.edit(settings.sites_file, change)
    _write(path, chosen)
    return chosen


def obtain_shop(settings: Settings) -> None:
    """The site of the shop that `/demo` shows, under an alias of its own; only made where a stack runs for its own machine."""
    wanted = sites_change.Wanted(SHOP, aliases=["netiv-demo-shop"], timezone="Asia/Jerusalem", currency="ILS")
    sites_file.edit(settings.sites_file, lambda sites: sites_change.add(sites, wanted, epoch_ms(), update=True))


def _read(path: Path) -> Keys | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Keys)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _write(path: Path, chosen: Keys) -> None:
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_bytes(msgspec.json.encode(chosen))
