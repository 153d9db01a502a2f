"""Mautic's page tracking: a form or a pixel with what the page gave to `mt('send', 'pageview', {…})`. Pure.

It carries no key: the site is found by the page's host, as an alias. The visitor is the id that we answered first.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from collector.answers import Answer
from collector.dialects import answers
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.values import Object, compact, finish, number, pairs, take_text
from schemas.rejection import CODES, Rejection

POST_PATH: Final = "/mtc/event"
PIXEL: Final = "/mtracking.gif"
CONTACT: Final = "/mtc"

FIELDS: Final = Fields(
    mapped={
        "page_url": "context.url; its host names the site",
        "page_title": "context.title",
        "page_referrer": "context.referrer",
        "page_language": "context.language",
        "timezone": "context.timezone",
        "resolution": "context.screen",
        "mautic_device_id": "visitor_id",
        "email": "email",
        "phone": "phone",
        "mobile": "phone",
        "order_id": "order.id of a purchase beside the page, and properties.order_id",
        "total": "order.value of a purchase beside the page, and properties.total",
        "currency": "order.currency of a purchase beside the page",
        "*": "properties.*",
    },
    kept=("preferred_locale", "counter", "timezone_offset", "platform", "do_not_track", "adblock", "fingerprint"),
    transport={"k": "the key", "write_key": "the key"},
)
_KEPT: Final = FIELDS.kept
_REFERRER: Final = "page_referrer"


def decode(request: Request) -> Decoded:
    """The page, and the order it reports."""
    query = pairs(request.query)
    parameters: Object = {**query, **pairs(request.body)}
    keys = _keys(request, query, parameters)
    parameters = {key: value for key, value in parameters.items() if key not in FIELDS.transport}
    if not parameters.get("page_url") and request.path == POST_PATH:
        fault = Rejection("undecodable", "/page_url", CODES["undecodable"][0])
        return Decoded(refused=[Refused(request.body or request.query, fault)], keys=keys, broken=True)
    return Decoded([Item(event) for event in events_of(parameters)], keys=keys)


def _keys(request: Request, query: dict[str, str], parameters: Object) -> tuple[str, ...]:
    """A key in the query, else the host of the page, of the origin, of the referring page."""
    found = [query.get("k", ""), query.get("write_key", "")]
    places = (
        parameters.get("page_url", ""),
        *(request.headers.get(name, b"").decode("latin-1") for name in (b"origin", b"referer")),
    )
    for place in places:
        try:
            parts = urlsplit(str(place))
            found += [parts.netloc.lower(), parts.hostname or ""]
        except ValueError:
            continue
    return tuple(dict.fromkeys(key for key in found if key))


def events_of(parameters: Object) -> list[Object]:
    """One page; and a purchase where the page names an order."""
    rest = {name: parameters.pop(name) for name in _KEPT if name in parameters}
    referrer = take_text(parameters, _REFERRER)
    if referrer is not None and "://" not in referrer:  # the script sends a host only
        rest[_REFERRER] = referrer
        referrer = f"https://{referrer}/"
    names = (
        ("url", "page_url"),
        ("title", "page_title"),
        ("language", "page_language"),
        ("timezone", "timezone"),
        ("screen", "resolution"),
    )
    event: Object = {
        "type": "page",
        "visitor_id": take_text(parameters, "mautic_device_id"),
        "email": take_text(parameters, "email"),
        "phone": take_text(parameters, "phone", "mobile"),
        "context": compact({**{ours: take_text(parameters, theirs) for ours, theirs in names}, "referrer": referrer}),
    }
    page = finish(event, compact(parameters) or None, rest)
    order_id = parameters.get("order_id")
    if not order_id:
        return [page]
    value = next(
        (
            found
            for name in ("total", "revenue", "order_total", "value")
            if (found := number(parameters.get(name))) is not None
        ),
        None,
    )
    order = compact({"id": order_id, "value": value, "currency": parameters.get("currency")})
    return [page, finish({**event, "type": "track", "name": "purchase", "order": order}, None, {})]


def answer(request: Request, outcome: Outcome) -> Answer:
    """The ids that the page stores and sends back as `mautic_device_id`; 200 and nothing else, or it sends a pixel too."""
    if request.path == PIXEL:
        return answers.image()
    visitor = outcome.visitor_id
    return answers.json({"success": 1, "id": visitor, "sid": visitor, "device_id": visitor, "events": []})


def stub(request: Request) -> Answer | None:
    """`GET /mtc`: which contact this is; we know none."""
    if request.path == CONTACT and request.method == "GET":
        return answers.json({"id": None, "sid": None, "device_id": None})
    return None


DIALECT: Final = Dialect(
    name="mautic",
    clients="Mautic's mtc.js and its pixel",
    paths=frozenset({POST_PATH, PIXEL}),
    decode=decode,
    answer=answer,
    fields=FIELDS,
    matches=lambda path: path == CONTACT,
    stub=stub,
    retry_window_s=5,
)
