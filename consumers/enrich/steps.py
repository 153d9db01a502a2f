"""Enrichment: an ordered list of named pure steps, each filling some columns of the row from the record and the event.

A step knows nothing of the log and the warehouse. `Undecodable` ends the list; the record then goes to `bad_events`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from consumers.enrich.agent import Agent
from consumers.enrich.identifiers import contacts_of, identifiers_of, subject_of
from consumers.enrich.link import NOTHING, Labels, Link, first_click, host_of, key_of, parse_link
from consumers.enrich.row import Row
from schemas.clock import TS_MAX, TS_MIN, event_ts, parse_ms
from schemas.event import CONTEXT_FIELDS, EVENT_FIELDS
from schemas.record import Accepted

_CENT: Final = Decimal("0.0001")
_MONEY_MAX: Final = Decimal(10) ** 14
_SAYS_WHERE: Final = frozenset({"channel", "source", "medium", "campaign", "content", "term"})
_MONEY_NAMES: Final = frozenset({"order_id", "revenue", "total", "value", "currency"})
_json: Final = msgspec.json.Encoder()
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Undecodable(Exception):
    """The record is no event; `pointer` says where."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class Lookups(NamedTuple):
    """What enrichment looks things up in."""

    agent: Callable[[str], Agent]
    country: Callable[[str], str]


class Work(msgspec.Struct, gc=False):
    """One record on its way: what came, what was decoded, what is being filled (blank columns are there already)."""

    record: Accepted
    event: dict[str, Any]
    context: dict[str, Any]
    row: Row
    lookups: Lookups


Step = Callable[[Work], None]


def _text(value: Any) -> str:
    return value if type(value) is str else "" if value is None else str(value)


def _time(value: Any, pointer: str) -> int | None:
    if value is None:
        return None
    if type(value) is int and TS_MIN <= value < TS_MAX:  # nearly all
        return value
    try:
        return parse_ms(value)
    except (ValueError, TypeError) as error:
        raise Undecodable("not a time", pointer) from error


def money(value: Any) -> Decimal | None:
    """An amount with four places, or None for what is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value)).quantize(_CENT)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < _MONEY_MAX else None


def clock(work: Work) -> None:
    """ts from up to three clocks."""
    record, row, event = work.record, work.row, work.event
    created = _time(event.get("created_at"), "/created_at")
    sent = _time(event["sent_at"], "/sent_at") if "sent_at" in event else None
    row["received_at"] = received = record.received_at
    row["sent_at"], row["created_at"] = sent or record.sent_at, created
    row["ts"], row["ts_source"] = event_ts(received, row["sent_at"], created, record.secret)


def who(work: Work) -> None:
    """Visitor, user, further identifiers, and the subject the event is filed under."""
    record, row, event = work.record, work.row, work.event
    row["site"], row["event_id"] = record.site, record.event_id
    row["visitor_id"] = visitor = record.visitor_id
    row["user_id"] = user = _text(event.get("user_id"))
    row["identifiers"] = identifiers = identifiers_of(event)
    row["subject"] = subject = subject_of(visitor, user, identifiers)
    if not subject:
        raise Undecodable("the event names nobody")
    if "session_id" in event:
        row["client_session"] = _text(event["session_id"])


def what(work: Work) -> None:
    """Type, name, dialect and the sender's authority."""
    record, row, event = work.record, work.row, work.event
    row["type"], row["name"] = _text(event.get("type")), _text(event.get("name"))
    row["dialect"], row["secret"] = record.dialect, 1 if record.secret else 0
    row["active"] = 0 if work.context.get("active") is False else 1


def page(work: Work) -> None:
    """Page and referrer with their hosts."""
    row, context = work.row, work.context
    if url := _text(context.get("url")):
        row["url"], row["url_host"] = url, host_of(url)
    if referrer := _text(context.get("referrer")):
        row["referrer"], row["referrer_host"] = referrer, host_of(referrer)
    row["title"] = _text(context.get("title"))


def campaign(work: Work) -> None:
    """Campaign parameters: those of a touch, else of the context, else of the URL; and the click id.

    A touch that says anything of where it came from says all of it: a call during a visit is none of the visit's campaign."""
    row, context, told = work.row, work.context, work.event.get("touch")
    if told and not _SAYS_WHERE.isdisjoint(told):
        labels = _labels(told, {}, NOTHING)
        row["campaign_key"] = key_of(labels)
        row["utm_source"], row["utm_medium"], row["utm_campaign"], row["utm_content"], row["utm_term"] = labels
        return
    url = row["url"]
    link: Link = parse_link(url) if "?" in url or "#" in url else NOTHING
    given, ids = context.get("campaign"), context.get("click_ids")
    if told or given:
        labels = _labels(told or {}, given or {}, link)
        row["campaign_key"] = key_of(labels)
        row["utm_source"], row["utm_medium"], row["utm_campaign"], row["utm_content"], row["utm_term"] = labels
    elif link.campaign_key:
        row["campaign_key"] = link.campaign_key
        row["utm_source"], row["utm_medium"], row["utm_campaign"], row["utm_content"], row["utm_term"] = link.utm
    if link.click_key:
        row["click_id_type"], row["click_id"], row["click_key"] = link.click_id_type, link.click_id, link.click_key
    if ids and (click := first_click(ids))[0]:
        row["click_id_type"], row["click_id"] = click
        row["click_key"] = key_of(click)


def _labels(told: dict[str, Any], given: dict[str, Any], link: Link) -> Labels:
    source, medium, name, content, term = (
        _text(told.get("campaign" if field == "name" else field)) or _text(given.get(field)) or from_url
        for field, from_url in zip(("source", "medium", "name", "content", "term"), link.utm, strict=True)
    )
    return source, medium, name, content, term


def touch(work: Work) -> None:
    """What an explicit touchpoint says of itself."""
    told = work.event.get("touch")
    if told:
        row = work.row
        row["touch_kind"], row["touch_channel"] = _text(told.get("kind")), _text(told.get("channel"))
        row["touch_creative"], row["touch_cost"] = _text(told.get("creative")), money(told.get("cost"))


def order(work: Work) -> None:
    """Value, currency and order id: of `order`, else of the properties by their usual names."""
    told, properties = work.event.get("order"), work.event.get("properties")
    if not told and (not properties or _MONEY_NAMES.isdisjoint(properties)):
        return
    told, properties = told or {}, properties or {}
    row = work.row
    row["order_id"] = _text(told.get("id")) or _text(properties.get("order_id"))
    for value in (told.get("value"), *(properties.get(name) for name in ("revenue", "total", "value"))):
        if (amount := money(value)) is not None:
            row["value"] = amount
            break
    row["currency"] = (_text(told.get("currency")) or _text(properties.get("currency"))).strip().upper()[:8]


def agent(work: Work) -> None:
    """Browser, system and device; of a server's event only what its context says, never the server's own agent."""
    record, row = work.record, work.row
    parsed = work.lookups.agent(_text(work.context.get("user_agent")) if record.secret else record.user_agent)
    row["browser"], row["os"], row["device_type"] = parsed.browser, parsed.os, parsed.device_type
    if _AS_BOT.get(record.dialect, _IS_BOT)(parsed):
        row["is_bot"] = 1


_IS_BOT: Final[Callable[[Agent], bool]] = attrgetter("is_bot")
# What only browsers and mail programs ask for, never a server on somebody's behalf.
_AS_BOT: Final = {"redirect": Agent.clicks_as_bot, "pixel": Agent.opens_as_bot}


def place(work: Work) -> None:
    """Country of the (anonymised) address; language of the context, else of the request, as a two-letter code first."""
    record, row = work.record, work.row
    if record.ip:
        row["country"] = work.lookups.country(record.ip)
    if language := _text(work.context.get("language")) or record.language:
        row["language"] = first_language(language)


@lru_cache(4096)
def first_language(header: str) -> str:
    """The preferred language of an Accept-Language value, `he-IL` style."""
    first = header.split(",", 1)[0].split(";", 1)[0].strip().replace("_", "-")[:35]
    language, _, rest = first.partition("-")
    return f"{language.lower()}-{rest}" if rest else language.lower()


def leftovers(work: Work) -> None:
    """Properties as JSON; consent; and whatever field we don't know, under `$extra`, so that nothing is lost."""
    row, event, context = work.row, work.event, work.context
    properties = event.get("properties")
    if not event.keys() <= EVENT_FIELDS:
        properties = {**(properties or {}), "$extra": {key: event[key] for key in event if key not in EVENT_FIELDS}}
    if not context.keys() <= CONTEXT_FIELDS:
        properties = {
            **(properties or {}),
            "$context": {key: context[key] for key in context if key not in CONTEXT_FIELDS},
        }
    if (order := event.get("order")) and (items := order.get("items")):
        properties = {**(properties or {}), "$items": items}
    if work.record.raw_contacts and (told := contacts_of(event)):
        properties = {**(properties or {}), "$contacts": told}
    row["properties"] = _json.encode(properties).decode() if properties else "{}"
    if (consent := context.get("consent")) is not None:
        row["consent"] = consent if isinstance(consent, str) else _json.encode(consent).decode()


STEPS: Final[tuple[Step, ...]] = (clock, who, what, page, campaign, touch, order, agent, place, leftovers)


def begin(record: Accepted, row: Row, lookups: Lookups) -> Work:
    """Decode the event. Raises `Undecodable`."""
    try:
        event = _decode(record.event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(str(error)) from error
    context = event.get("context")
    return Work(record, event, context if isinstance(context, dict) else {}, row, lookups)
