"""A row as a native event: columns by their usual names or by `--map`, dates with a zone, an id made from what it says."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.event import CONTEXT_FIELDS, EVENT_FIELDS, Campaign, Order, Touch
from schemas.rejection import CODES

_GAPS = re.compile(r"[\s_./-]+")
_SHOWN_CHARS = 80
# Marks that can't be seen (direction of writing, joiners, a byte order mark), as spreadsheets and chats leave them in cells.
_UNSEEN = dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)
_EDGES = "".join(map(chr, _UNSEEN)) + " \t\r\n\xa0\u2009\u202f"
_NO_DIGITS = dict.fromkeys(map(ord, "₪$€£ \xa0\u2009\u202f")) | _UNSEEN | {ord("−"): "-"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# usual column names (normalised) -> field of a native event
NAMES: dict[str, str] = {
    "event id": "event_id", "id": "event_id", "type": "type", "event type": "type", "name": "name", "event": "name", "event name": "name",
    "stage": "name", "visitor id": "visitor_id", "user id": "user_id", "userid": "user_id", "customer id": "user_id", "email": "email",
    "e mail": "email", "mail": "email", "דואל": "email", "אימייל": "email", "phone": "phone", "phone number": "phone", "mobile": "phone",
    "טלפון": "phone", "נייד": "phone", "loyalty id": "identifiers.loyalty_id", "club id": "identifiers.loyalty_id",
    "crm id": "identifiers.crm_id", "lead id": "identifiers.crm_id", "date": "created_at", "time": "created_at", "datetime": "created_at",
    "created at": "created_at", "timestamp": "created_at", "event time": "created_at", "תאריך": "created_at",
    "conversion time": "created_at", "value": "order.value", "amount": "order.value", "revenue": "order.value", "total": "order.value",
    "conversion value": "order.value", "סכום": "order.value", "currency": "order.currency", "conversion currency": "order.currency",
    "order id": "order.id", "order": "order.id", "transaction id": "order.id", "הזמנה": "order.id", "channel": "touch.channel",
    "kind": "touch.kind", "source": "touch.source", "medium": "touch.medium", "campaign": "touch.campaign", "url": "context.url",
    **{name: f"context.click_ids.{name}" for name in ("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "dclid")},
    "google click id": "context.click_ids.gclid",
    # Hebrew exports. `שם` is the customer's as often as the event's, `שעה` is half a time: these are told by `--map`.
    **dict.fromkeys(("מזהה לקוח", "מספר לקוח", "מזהה משתמש"), "user_id"),
    **dict.fromkeys(("מייל", "דואר אלקטרוני", "כתובת מייל", "כתובת אימייל", "כתובת דואל"), "email"),
    **dict.fromkeys(("מספר טלפון", "טלפון נייד", "מספר נייד", "סלולרי", "פלאפון"), "phone"),
    **dict.fromkeys(("מספר מועדון", "מזהה מועדון", "מספר חבר מועדון"), "identifiers.loyalty_id"),
    **dict.fromkeys(("מזהה ליד", "מספר ליד"), "identifiers.crm_id"),
    **dict.fromkeys(("תאריך ושעה", "תאריך הזמנה", "תאריך רכישה", "תאריך עסקה"), "created_at"),
    **dict.fromkeys(("סהכ", "סך הכל", "סכום הזמנה", "סכום עסקה", "הכנסה"), "order.value"),
    **dict.fromkeys(("מספר הזמנה", "מזהה הזמנה", "מספר עסקה", "מזהה עסקה"), "order.id"),
    **dict.fromkeys(("אירוע", "שם אירוע"), "name"),
    "מטבע": "order.currency", "ערוץ": "touch.channel", "מקור": "touch.source", "מדיום": "touch.medium", "קמפיין": "touch.campaign",
}  # fmt: skip
FORMATS = (
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
)


# Fields of an event that have members, and which; no set = any.
_MEMBERS: Final[dict[str, frozenset[str] | None]] = {
    "properties": None, "identifiers": None, "context.click_ids": None, "context.screen": None, "context.consent": None,
    "context.campaign": frozenset(Campaign.__struct_fields__), "context": CONTEXT_FIELDS, "touch": frozenset(Touch.__struct_fields__),
    "order": frozenset(Order.__struct_fields__),
}  # fmt: skip


class Rules(msgspec.Struct, frozen=True):
    """How rows are read. `columns`: column -> field, of `--map`."""

    columns: dict[str, str]
    zone: ZoneInfo
    type: str = "conversion"
    name: str | None = None
    date_format: str | None = None


class Unreadable(Exception):
    """A row that is no event: the code, the place in the event that would have been made, and what is wrong there."""

    def __init__(self, code: str, pointer: str = "", told: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.pointer = pointer
        self.message = f"{CODES[code][0]}: {told}" if told else CODES[code][0]

    def of(self, field: str, column: str, value: object) -> Unreadable:
        """The same of a cell."""
        text = str(value)
        shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
        return Unreadable(self.code, "/" + field.replace(".", "/"), f"{shown!r} in column {column!r}")


def normal(column: str) -> str:
    """A column's name without its spelling."""
    return _GAPS.sub(" ", column.translate(_UNSEEN).replace("״", "").replace('"', "").replace("'", "")).strip().lower()


def is_field(field: str) -> bool:
    """Whether `--map` can lead there: a misspelled field would lose what its column says."""
    for holder, members in _MEMBERS.items():
        if field.startswith(f"{holder}."):
            member = field.removeprefix(f"{holder}.")
            return bool(member) if members is None else member in members
    return field in EVENT_FIELDS and field not in _MEMBERS


def event_of(values: dict[str, Any], rules: Rules) -> dict[str, Any]:
    """The native event of a row. Raises `Unreadable`. Columns nobody knows are its properties; so is a second one of the same
    field (a phone and a mobile): the one that `--map` names is the field, else the first that says something."""
    event: dict[str, Any] = {}
    if "type" in values and any(isinstance(value, dict) for value in values.values()):
        return dict(values)  # a native event already
    said: set[str] = set()
    for column, value in sorted(values.items(), key=lambda cell: cell[0] not in rules.columns):
        field = rules.columns.get(column) or NAMES.get(normal(column)) or f"properties.{column}"
        if field == "-" or value is None or value == "":
            continue
        if field in said and column not in rules.columns:
            field = f"properties.{column}"
        said.add(field)
        try:
            _put(event, field, _typed(field, value, rules))
        except Unreadable as error:
            raise error.of(field, column, value) from None
    event.setdefault("type", rules.type)
    if rules.name is not None:
        event.setdefault("name", rules.name)
    if event["type"] != "touch" and "touch" in event:
        event["properties"] = {**event.get("properties", {}), **event.pop("touch")}
    return event


def _put(event: dict[str, Any], field: str, value: Any) -> None:
    *path, last = field.split(".", 1) if field.startswith("properties.") else field.split(".")
    place = event
    for part in path:
        place = place.setdefault(part, {})
    place[last] = value


def _typed(field: str, value: Any, rules: Rules) -> Any:
    if field == "created_at":
        return time_of(value, rules)
    text = value.strip(_EDGES) if isinstance(value, str) else value
    if field == "order.value" and isinstance(text, str):
        return amount(text)
    return text


def amount(text: str) -> float:
    """A number as people write it: currency signs, thousands, either decimal mark. Raises `Unreadable`."""
    plain = text.translate(_NO_DIGITS).strip()
    if "," in plain and "." in plain:
        plain = (
            plain.replace(",", "")
            if plain.rindex(".") > plain.rindex(",")
            else plain.replace(".", "").replace(",", ".")
        )
    elif "," in plain:
        thousands = re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+", plain)  # 0,500 is a half
        plain = plain.replace(",", "") if thousands else plain.replace(",", ".")
    elif re.fullmatch(r"[+-]?[1-9]\d{0,2}(\.\d{3}){2,}", plain):
        plain = plain.replace(".", "")
    number = float(plain) if _NUMBER.fullmatch(plain) else math.nan
    if not math.isfinite(number):
        raise Unreadable("invalid_number")
    return number


def time_of(value: Any, rules: Rules) -> int:
    """Epoch milliseconds of a cell: ISO 8601, epoch seconds or milliseconds, or a date as it is written here. Without a
    zone it is of `--timezone`. Raises `Unreadable`."""
    text = str(value).translate(_UNSEEN).strip()
    if re.fullmatch(r"\d{10}|\d{13}", text, re.ASCII):
        return int(text) * (1000 if len(text) == 10 else 1)
    parsed = _parsed(text, rules.date_format)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=rules.zone)
    return round(parsed.timestamp() * 1000)


def day_of(value: Any, rules: Rules) -> str:
    """The day a cell names, as YYYY-MM-DD. Raises `Unreadable`."""
    text = str(value).translate(_UNSEEN).strip()
    if re.fullmatch(r"\d{8}", text, re.ASCII):  # as Google's exports have it
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return _parsed(text, rules.date_format).date().isoformat()


def _parsed(text: str, date_format: str | None) -> datetime:
    if date_format is None:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    for form in (date_format,) if date_format else FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  (the zone is added by the caller)
        except ValueError:
            continue
    raise Unreadable("invalid_time")


class Ids:
    """An id for each row, from what it says, so that the same file twice is the same events. Equal rows count up."""

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def of(self, event: dict[str, Any]) -> str:
        """The event's own id, else the made one."""
        if event.get("event_id") is not None:
            return str(event["event_id"])
        digest = hashlib.blake2b(msgspec.json.encode(event, order="deterministic"), digest_size=16).digest()
        number = self._seen[digest] = self._seen.get(digest, 0) + 1
        return f"import-{digest.hex()}-{number}"
