"""`netiv sites`: sites and their keys. Keys are shown once, when they are made; only their hashes are kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from eventlog.clock import epoch_ms
from netiv.commands import options

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.sites import Key, Site

HELP = """Sites and their keys: write keys (public, for browsers) and secret keys (for servers and imports).

Examples:

\b
  netiv sites add shop --origin https://shop.example --timezone Asia/Jerusalem

\b
  netiv sites list

\b
  netiv sites rotate shop --write --keep-old-for 7d
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
_RAW_CONTACTS = typer.Option(
    None,
    "--raw-contacts/--no-raw-contacts",
    help="Put e-mail addresses and phone numbers into the tables as they are sent, beside their hashes.",
    show_default="hashes only",
)


@app.command("add")
def add(
    name: str = typer.Argument(help="The site's name."),
    write_key: str | None = typer.Option(None, help="Use this write key.", show_default="a new one"),
    secret_key: str | None = typer.Option(None, help="Use this secret key.", show_default="a new one"),
    origin: list[str] = typer.Option(
        [], help="A web origin that may send with the write key; again for more.", show_default="any"
    ),
    alias: list[str] = typer.Option([], help="What another system calls this site; again for more."),
    domain: list[str] = typer.Option([], help="An own domain (never a referrer); again for more."),
    timezone: str | None = typer.Option(
        None, help="IANA time zone, whose midnight ends sessions where that rule is on.", show_default="UTC"
    ),
    currency: str | None = typer.Option(None, help="Currency of amounts that name none.", show_default="none"),
    phone_region: str | None = typer.Option(
        None, help="Country of phone numbers that name none, as IL or GB.", show_default="IL"
    ),
    raw_contacts: bool | None = _RAW_CONTACTS,
    update: bool = typer.Option(False, "--update", help="Extend a site that exists."),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """Add a site; its keys are made and shown once.

    Examples:

    \b
      netiv sites add shop

    \b
      netiv sites add shop --update --origin https://www.shop.example

    \b
      netiv sites add shop --write-key wk_mine_12345678 --secret-key sk_mine_12345678
    """
    from netiv import configuration, keys, sites_change, sites_file
    from schemas.sites import Sites

    settings = configuration.load(data=data)
    if update:
        _must_be_there(settings, name)
    shown: dict[str, str] = {}
    if write_key is not None:
        keys.check(write_key, "--write-key")
    if secret_key is not None:
        keys.check(secret_key, "--secret-key")

    changed = True

    def change(sites: Sites) -> Sites:
        nonlocal changed
        fresh = sites_change.find(sites, name) is None
        chosen = {"write_key": write_key or (keys.write_key() if fresh else None)}
        chosen["secret_key"] = secret_key or (keys.secret_key() if fresh else None)
        shown.update({kind: value for kind, value in chosen.items() if value})
        wanted = sites_change.Wanted(
            name=name, origins=origin, aliases=alias, domains=domain, timezone=timezone, currency=currency,
            raw_contacts=raw_contacts, phone_region=phone_region, **chosen,
        )  # fmt: skip
        after = sites_change.add(sites, wanted, epoch_ms(), update)
        changed = after != sites
        return after

    sites_file.edit(settings.sites_file, change)
    _show_keys(name, shown, json)
    _tell_from_when(changed and bool(domain or timezone))
    if not (json or changed):
        once = "" if shown else f" Its keys were shown once, when it was made. New ones: netiv sites rotate {name}"
        print(f"It exists already; nothing was changed.{once}")


def _tell_from_when(concerned: bool) -> None:
    if concerned:
        print(
            "Its domains and its zone count from the next start on; `netiv rebuild` brings them to what is there.",
            file=sys.stderr,
        )


@app.command("list")
def list_(data: Path | None = options.DATA, json: bool = options.JSON) -> None:
    """List the sites. Keys are kept as hashes; their last four characters tell them apart.

    Example:

    \b
      netiv sites list --json
    """
    from netiv import configuration, output, sites_file

    now = epoch_ms()
    sites = sites_file.read(configuration.load(data=data).sites_file).sites
    if json:
        output.as_json([_description(site, now) for site in sites])
        return
    rows: list[list[Any]] = [
        [site.name, _hints(site.write_keys, now), _hints(site.secret_keys, now), " ".join(site.origins) or "any",
         " ".join(site.aliases), site.timezone, site.currency]
        for site in sites
    ]  # fmt: skip
    output.show(
        output.Table("Sites", ["site", "write keys", "secret keys", "origins", "aliases", "zone", "currency"], rows)
    )
    from netiv import snippet

    if file := snippet.built(snippet.sdk_folder()):
        print(f"SDK  {file.hashed}  {file.integrity}")


@app.command("rotate")
def rotate(
    name: str = typer.Argument(help="The site's name."),
    write: bool = typer.Option(False, "--write", help="Rotate the write key."),
    secret: bool = typer.Option(False, "--secret", help="Rotate the secret key."),
    keep_old_for: str = typer.Option("0s", help="How long the old keys stay good (7d, 12h)."),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """Make new keys; without --write or --secret, both.

    Example:

    \b
      netiv sites rotate shop --secret --keep-old-for 24h
    """
    import msgspec

    from netiv import configuration, durations, keys, sites_change, sites_file
    from netiv.errors import CommandError
    from schemas.sites import Sites

    now = epoch_ms()
    revoke_at = now + round(durations.seconds(keep_old_for) * 1000)
    both = write == secret
    shown: dict[str, str] = {}
    if write or both:
        shown["write_key"] = keys.write_key()
    if secret or both:
        shown["secret_key"] = keys.secret_key()

    def change(sites: Sites) -> Sites:
        site = sites_change.find(sites, name)
        if site is None:
            raise CommandError(f"There is no site {name}.", "See the sites with `netiv sites list`, or add it.")
        if "write_key" in shown:
            new = sites_change.rotate(site.write_keys, sites_change.key_of(shown["write_key"], now), revoke_at)
            site = msgspec.structs.replace(site, write_keys=new)
        if "secret_key" in shown:
            new = sites_change.rotate(site.secret_keys, sites_change.key_of(shown["secret_key"], now), revoke_at)
            site = msgspec.structs.replace(site, secret_keys=new)
        return sites_change.put(sites, site)

    sites_file.edit(configuration.load(data=data).sites_file, change)
    _show_keys(name, shown, json)


def _must_be_there(settings: Settings, name: str) -> None:
    """Before the file is touched: a site that --update misspells is neither made nor given keys."""
    from netiv import sites_change, sites_file
    from netiv.errors import CommandError

    if sites_change.find(sites_file.read(settings.sites_file), name) is None:
        raise CommandError(f"There is no site {name}.", "Leave --update out to add it, or see `netiv sites list`.")


def _show_keys(name: str, shown: dict[str, str], json: bool) -> None:
    from netiv import configuration, output, snippet

    file = snippet.built(snippet.sdk_folder())
    if json:
        output.as_json({"site": name, **shown})
        return
    print(f"Site       {name}")
    if "write_key" in shown:
        print(f"Write key  {shown['write_key']}   (public: browsers)")
    if "secret_key" in shown:
        print(f"Secret key {shown['secret_key']}   (servers only)")
    if shown:
        print("Keep them: only their hashes are stored, they are not shown again.")
    if "write_key" in shown:
        settings = configuration.load()
        url = configuration.stack_url(settings)
        short = configuration.stack_origin(settings) + settings.alias if settings.alias else ""
        for what, tag in snippet.tags(url, shown["write_key"], file, short):
            print(f"\n{what}:\n  {tag}")


def _description(site: Site, now_ms: int) -> dict[str, Any]:
    def keys(which: list[Key]) -> list[dict[str, Any]]:
        return [
            {"hint": key.hint, "created_at": key.created_at, "revoked_at": key.revoked_at, "good": key.good(now_ms)}
            for key in which
        ]

    return {
        "name": site.name, "write_keys": keys(site.write_keys), "secret_keys": keys(site.secret_keys),
        "origins": site.origins, "aliases": site.aliases, "domains": site.domains,
        "timezone": site.timezone, "currency": site.currency, "raw_contacts": site.raw_contacts,
        "phone_region": site.phone_region, "created_at": site.created_at,
    }  # fmt: skip


def _hints(keys: list[Key], now_ms: int) -> str:
    return " ".join(f"…{key.hint}" for key in keys if key.good(now_ms)) or "none"
