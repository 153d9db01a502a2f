"""`netiv links`: short links that record a click and lead on, for mails, SMS, QR codes, influencers and print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eventlog.clock import epoch_ms
from netiv.commands import options

if TYPE_CHECKING:
    from schemas.links import Links

HELP = """Redirect links: each records a click with its channel and campaign, then leads to its address.

Examples:

\b
  netiv links add https://shop.example/spring --site shop --name spring-mail --channel Email --campaign spring

\b
  netiv links list

\b
  netiv links sign https://partner.example/ --secret-key sk_… --source dana --channel Influencer
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("add")
def add(
    url: str = typer.Argument(help="Where the link leads (http or https)."),
    site: str = typer.Option(..., help="The site whose touchpoint a click is."),
    name: str | None = typer.Option(
        None, help="The link's name, as it stands in its address.", show_default="a new one"
    ),
    kind: str = typer.Option("click", help="Kind of touch: click, scan, open, message, share, …"),
    channel: str | None = typer.Option(None, help="Channel (Email, SMS, QR & Print, Influencer, …)."),
    source: str | None = typer.Option(None, help="Source."),
    medium: str | None = typer.Option(None, help="Medium."),
    campaign: str | None = typer.Option(None, help="Campaign."),
    content: str | None = typer.Option(None, help="Content."),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """Add a link. It works at once. A recipient's own token may be added to its address as `?t=TOKEN`.

    Example:

    \b
      netiv links add https://shop.example/ --site shop --name window --kind scan --channel "QR & Print"
    """
    import secrets

    from netiv import configuration, links_file, output, sites_change, sites_file
    from netiv.errors import CommandError
    from netiv.link_touch import tell_strangers
    from schemas.links import NAME, Link, Links, target_of

    settings = configuration.load(data=data)
    if sites_change.find(sites_file.read(settings.sites_file), site) is None:
        raise CommandError(f"There is no site {site}.", "See the sites with `netiv sites list`, or add it.")
    chosen = name or secrets.token_urlsafe(6).replace("-", "a").replace("_", "b")
    if not NAME.fullmatch(chosen):
        raise CommandError(f"{chosen!r} is no name of a link.", "Use up to 64 letters, digits, dots, dashes.", code=2)
    try:
        target_of(url)
    except ValueError:
        raise CommandError(f"{url!r} is no address to lead to.", "Write an absolute http(s) address.", code=2) from None
    told = {
        "kind": kind,
        "channel": channel,
        "source": source,
        "medium": medium,
        "campaign": campaign,
        "content": content,
    }
    touch = {part: value for part, value in told.items() if value}
    link = Link(chosen, site, url, touch, epoch_ms())

    def change(links: Links) -> Links:
        if any(one.name == chosen for one in links.links):
            raise CommandError(f"There is a link {chosen} already.", "Choose another --name.")
        return Links([*links.links, link])

    links_file.edit(links_file.path_of(settings), change)
    tell_strangers(settings, kind, channel)
    address = f"{configuration.stack_url(settings)}/r/{chosen}"
    if json:
        output.as_json({"name": chosen, "site": site, "url": url, "address": address, "touch": touch})
        return
    print(f"Link    {address}")
    print(f"leads to {url}")


@app.command("list")
def list_(data: Path | None = options.DATA, json: bool = options.JSON) -> None:
    """List the links.

    Example:

    \b
      netiv links list --json
    """
    import msgspec

    from netiv import configuration, links_file, output

    links = links_file.read(links_file.path_of(configuration.load(data=data))).links
    if json:
        output.as_json([msgspec.to_builtins(link) for link in links])
        return
    rows = [
        [link.name, link.site, link.url, " ".join(f"{part}={value}" for part, value in link.touch.items())]
        for link in links
    ]
    output.show(output.Table("Links", ["link", "site", "leads to", "touch"], rows))


@app.command("sign")
def sign(
    url: str = typer.Argument(help="Where the link leads."),
    secret_key: str = typer.Option(..., help="The site's secret key."),
    kind: str | None = typer.Option(None, help="Kind of touch."),
    channel: str | None = typer.Option(None, help="Channel."),
    source: str | None = typer.Option(None, help="Source."),
    medium: str | None = typer.Option(None, help="Medium."),
    campaign: str | None = typer.Option(None, help="Campaign."),
    recipient: str | None = typer.Option(None, help="The recipient's token."),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """Print a signed link, which need not be stored.

    Example:

    \b
      netiv links sign https://partner.example/ --secret-key sk_… --source dana
    """
    from urllib.parse import urlencode

    from netiv import configuration, output
    from netiv.errors import CommandError
    from netiv.link_touch import tell_strangers
    from schemas import links
    from schemas.sites import hash_key

    settings = configuration.load(data=data)
    try:
        links.target_of(url)
    except ValueError:
        raise CommandError(f"{url!r} is no address to lead to.", "Write an absolute http(s) address.", code=2) from None
    tell_strangers(settings, kind, channel)
    told = {
        "u": url,
        "kind": kind,
        "channel": channel,
        "source": source,
        "medium": medium,
        "campaign": campaign,
        "t": recipient,
    }
    query = urlencode({part: value for part, value in told.items() if value})
    address = f"{configuration.stack_url(settings)}/r?{query}&s={links.sign(query, hash_key(secret_key))}"
    if json:
        output.as_json({"url": url, "address": address})
    else:
        print(address)
