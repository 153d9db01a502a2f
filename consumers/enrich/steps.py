"""Enrichment: an ordered list of named pure steps, each filling some columns of a block from its records and their events.

A step works on all records of a block at once: column by column costs half of what row by row does. It knows nothing of the log
and the warehouse. `Undecodable` ends the list for the whole block; whoever runs it finds out whose it is (see `facts.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from consumers.enrich.agent import Agent
from consumers.enrich.amounts import money
from consumers.enrich.contacts import names_more
from consumers.enrich.identifiers import identifiers_of, subject_of, trimmed
from consumers.enrich.link import NOTHING, UNLABELLED, UTM, Labels, Link, host_of, key_of, parse_link
from consumers.enrich.remembering import Remembered, of, of_each
from consumers.enrich.rest import CURRENCY_CHARS_MAX, as_json, as_text, has_rest, rest_of
from consumers.enrich.row import BLANK, Columns
from schemas.clicks import click_of, first_click
from schemas.clock import TS_MAX, TS_MIN, event_ts, parse_ms
from schemas.decoding import DECODE_ERRORS
from schemas.record import Accepted

_SAYS_WHERE: Final = frozenset({"channel", "source", "medium", "campaign", "content", "term"})
_SEQ_MAX: Final = 2**64 - 1  # of its column
_MONEY_NAMES: Final = frozenset({"order_id", "revenue", "total", "value", "currency"})
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Undecodable(Exception):
    """A record is no event; `pointer` says where."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class Lookups(NamedTuple):
    """What enrichment looks things up in."""

    agent: Remembered[Agent]
    country: Callable[[str], str]


class Work(NamedTuple):
    """A block on its way, each list with one item for each record: what came, what was decoded, and the columns that are being
    filled (blank ones are there already)."""

    records: Sequence[Accepted]
    events: list[dict[str, Any]]
    contexts: list[dict[str, Any]]
    columns: Columns
    lookups: Lookups


Step = Callable[[Work], None]
_NO_IDENTIFIERS: Final[dict[str, str]] = {}
_NO_CONTEXT: Final[dict[str, Any]] = {}


def _text(value: Any) -> str:
    return value if type(value) is str else "" if value is None else str(value)


def _texts(places: Iterable[dict[str, Any]], name: str) -> list[str]:
    """A field of each, as text."""
    values = [place.get(name) for place in places]
    return [value if type(value) is str else _text(value) for value in values]


def _times(values: Iterable[Any], pointer: str) -> list[int | None]:
    return [
        # nearly all are whole numbers of a likely size
        value if value is None or (type(value) is int and TS_MIN <= value < TS_MAX) else _time(value, pointer)
        for value in values
    ]


def _time(value: Any, pointer: str) -> int:
    try:
        return parse_ms(value)
    except (ValueError, TypeError) as error:
        raise Undecodable("not a time", pointer) from error


def clock(work: Work) -> None:
    """ts from up to three clocks."""
    records, columns = work.records, work.columns
    created = _times([event.get("created_at") for event in work.events], "/created_at")
    told = _times([event.get("sent_at") for event in work.events], "/sent_at")
    sent = [one or record.sent_at for one, record in zip(told, records, strict=True)]
    received = [record.received_at for record in records]
    columns["received_at"], columns["sent_at"], columns["created_at"] = received, sent, created
    columns["ts"], columns["ts_source"] = zip(
        *map(event_ts, received, sent, created, [record.secret for record in records]), strict=True
    )


def who(work: Work) -> None:
    """Visitor, user, further identifiers, and the subject the event is filed under."""
    records, events, columns = work.records, work.events, work.columns
    columns["site"] = [record.site for record in records]
    columns["event_id"] = [record.event_id for record in records]
    columns["visitor_id"] = visitors = [record.visitor_id for record in records]
    columns["user_id"] = users = [user and trimmed(user) for user in _texts(events, "user_id")]
    columns["identifiers"] = identifiers = [
        identifiers_of(event, context, record.phone_region) if names_more(event, context) else _NO_IDENTIFIERS
        for record, event, context in zip(records, events, work.contexts, strict=True)
    ]
    columns["subject"] = subjects = [
        visitor if visitor and visitor[0] != "~" else subject_of(visitor, user, named)
        for visitor, user, named in zip(visitors, users, identifiers, strict=True)
    ]
    for at in [at for at, subject in enumerate(subjects) if not subject]:
        identifiers[at] = _clicked(work.contexts[at])
        subjects[at] = subject_of("", "", identifiers[at])
    columns["client_session"] = _texts(events, "session_id")


def _clicked(context: dict[str, Any]) -> dict[str, str]:
    """The click id of an event that names nobody else, as the identifier it then is."""
    kind, value = click_of(context.get("click_ids"), _text(context.get("url")))
    if not kind:
        raise Undecodable("the event names nobody")
    return {kind: value}


def what(work: Work) -> None:
    """Type, name, dialect and the sender's authority."""
    records, columns = work.records, work.columns
    columns["type"], columns["name"] = _texts(work.events, "type"), _texts(work.events, "name")
    columns["dialect"] = [record.dialect for record in records]
    columns["secret"] = [1 if record.secret else 0 for record in records]
    columns["active"] = [0 if context.get("active") is False else 1 for context in work.contexts]


def page(work: Work) -> None:
    """Page and referrer with their hosts."""
    columns = work.columns
    for name in ("url", "referrer"):
        columns[name] = links = _texts(work.contexts, name)
        columns[f"{name}_host"] = of_each(host_of, links)
    columns["title"] = _texts(work.contexts, "title")


def campaign(work: Work) -> None:
    """Campaign parameters: those of a touch, else of the context, else of the URL; and the click id.

    A touch that says anything of where it came from says all of it: a call during a visit is none of the visit's campaign."""
    columns = work.columns
    labels, keys = [UNLABELLED] * len(work.records), list(columns["campaign_key"])
    kinds, ids, click_keys = (list(columns[name]) for name in ("click_id_type", "click_id", "click_key"))
    for at, (url, context, event) in enumerate(zip(columns["url"], work.contexts, work.events, strict=True)):
        parameters = "?" in url or "#" in url
        if not (parameters or "touch" in event or "campaign" in context or "click_ids" in context):
            continue
        told = event.get("touch")
        if told and not _SAYS_WHERE.isdisjoint(told):
            labels[at] = _labels(told, {}, NOTHING)
            keys[at] = key_of(labels[at])
            continue
        link: Link = of(parse_link, url) if parameters else NOTHING
        given = context.get("campaign")
        if told or given:
            labels[at] = _labels(told or {}, given or {}, link)
            keys[at] = key_of(labels[at])
        else:
            labels[at], keys[at] = link.utm, link.campaign_key
        kinds[at], ids[at], click_keys[at] = link.click_id_type, link.click_id, link.click_key
        if (clicks := context.get("click_ids")) and (click := first_click(clicks))[0]:
            (kinds[at], ids[at]), click_keys[at] = click, key_of(click)
    columns["campaign_key"] = keys
    columns.update(zip(UTM, zip(*labels, strict=True), strict=True))
    columns["click_id_type"], columns["click_id"], columns["click_key"] = kinds, ids, click_keys


def _labels(told: dict[str, Any], given: dict[str, Any], link: Link) -> Labels:
    source, medium, name, content, term = (
        _text(told.get("campaign" if field == "name" else field)) or _text(given.get(field)) or from_url
        for field, from_url in zip(("source", "medium", "name", "content", "term"), link.utm, strict=True)
    )
    return source, medium, name, content, term


def touch(work: Work) -> None:
    """What an explicit touchpoint says of itself."""
    told = {at: event["touch"] for at, event in enumerate(work.events) if event.get("touch")}
    for name in ("kind", "channel", "creative"):
        _put(work, f"touch_{name}", {at: _text(touch.get(name)) for at, touch in told.items()})
    _put(work, "touch_cost", {at: money(touch.get("cost")) for at, touch in told.items()})


def order(work: Work) -> None:
    """Value, currency and order id: of `order`, else of the properties by their usual names; an amount without a currency is in that of
    its site."""
    ids: dict[int, str] = {}
    values: dict[int, Decimal | None] = {}
    currencies: dict[int, str] = {}
    for at, event in enumerate(work.events):
        told, properties = event.get("order"), event.get("properties")
        if not told and (not properties or _MONEY_NAMES.isdisjoint(properties)):
            continue
        told, properties = told or {}, properties or {}
        ids[at] = _text(told.get("id")) or _text(properties.get("order_id"))
        amounts = (told.get("value"), *(properties.get(name) for name in ("revenue", "total", "value")))
        values[at] = next((amount for each in amounts if (amount := money(each)) is not None), None)
        currency = (
            (_text(told.get("currency")) or _text(properties.get("currency"))).strip().upper()[:CURRENCY_CHARS_MAX]
        )
        currencies[at] = currency or ("" if values[at] is None else work.records[at].currency)
    _put(work, "order_id", ids)
    _put(work, "value", values)
    _put(work, "currency", currencies)


def _put(work: Work, name: str, few: dict[int, Any]) -> None:
    """Fill a column that few records say anything of."""
    if few:
        values = list(work.columns[name])
        for at, value in few.items():
            values[at] = value
        work.columns[name] = values


def agent(work: Work) -> None:
    """Browser, system and device; of a server's event only what its context says, never the server's own agent."""
    columns = work.columns
    agents = [
        _text(context.get("user_agent")) if record.secret else record.user_agent
        for record, context in zip(work.records, work.contexts, strict=True)
    ]
    parsed = of_each(work.lookups.agent, agents)
    columns["browser"] = [one.browser for one in parsed]
    columns["os"] = [one.os for one in parsed]
    columns["device_type"] = [one.device_type for one in parsed]
    columns["is_bot"] = [
        1 if _AS_BOT.get(record.dialect, _IS_BOT)(one) else 0 for record, one in zip(work.records, parsed, strict=True)
    ]


_IS_BOT: Final[Callable[[Agent], bool]] = attrgetter("is_bot")
# What only browsers and mail programs ask for, never a server on somebody's behalf.
_AS_BOT: Final = {"redirect": Agent.clicks_as_bot, "pixel": Agent.opens_as_bot}


def place(work: Work) -> None:
    """Country of the (anonymised) address; language of the context, else of the request, as a two-letter code first; time zone and screen;
    which of the sender's events it is."""
    records, columns, country = work.records, work.columns, work.lookups.country
    columns["country"] = [country(record.ip) if record.ip else "" for record in records]
    told = _texts(work.contexts, "language")
    columns["language"] = of_each(
        first_language, [one or record.language for one, record in zip(told, records, strict=True)]
    )
    columns["timezone"] = _texts(work.contexts, "timezone")
    columns["screen"] = [as_text(context.get("screen")) for context in work.contexts]
    columns["seq"] = [seq if 0 <= (seq := event.get("seq") or 0) <= _SEQ_MAX else 0 for event in work.events]


@lru_cache(4096)
def first_language(header: str) -> str:
    """The preferred language of an Accept-Language value, `he-IL` style."""
    first = header.split(",", 1)[0].split(";", 1)[0].strip().replace("_", "-")[:35]
    language, _, rest = first.partition("-")
    return f"{language.lower()}-{rest}" if rest else language.lower()


def leftovers(work: Work) -> None:
    """Consent; and properties as JSON, with all that has no column of its own, so that nothing is lost."""
    consents: dict[int, str] = {}
    texts = []
    kinds, ids, seqs = (work.columns[name] for name in ("click_id_type", "click_id", "seq"))
    for at, (record, event, context, seq) in enumerate(
        zip(work.records, work.events, work.contexts, seqs, strict=True)
    ):
        properties = event.get("properties")
        if (record.raw_contacts or has_rest(event, context, seq)) and (
            rest := rest_of(event, context, (kinds[at], ids[at]), seq, raw=record.raw_contacts)
        ):
            properties = {**(properties or {}), **rest}
        texts.append(as_json(properties) if properties else "{}")
        if (consent := context.get("consent")) is not None:
            consents[at] = as_text(consent)
    work.columns["properties"] = texts
    _put(work, "consent", consents)


STEPS: Final[tuple[Step, ...]] = (clock, who, what, page, campaign, touch, order, agent, place, leftovers)


def begin(records: Sequence[Accepted], lookups: Lookups) -> Work:
    """Decode the events of a block. Raises `Undecodable`."""
    try:
        events = [_decode(record.event) for record in records]
    except DECODE_ERRORS as error:
        raise Undecodable(str(error)) from error
    contexts = [context if type(context := event.get("context")) is dict else _NO_CONTEXT for event in events]
    columns: Columns = {name: [blank] * len(records) for name, blank in BLANK.items()}
    return Work(records, events, contexts, columns, lookups)
