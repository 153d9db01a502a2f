"""Mautic's webhooks: forms, e-mail opens and clicks, new and changed contacts, as canonical events. Pure.

A body is `{"mautic.<trigger>": [{…, "timestamp"}, …]}`; one it does not know is kept as a bad event, whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from collector.dialects.values import Object, compact, finish, take_object, take_text, text
from schemas.rejection import Rejection


def entries_of(body: Any) -> list[tuple[str, Any]] | Rejection:
    """(trigger, entry) in order."""
    if not isinstance(body, dict):
        return Rejection("not_an_object", "", "a Mautic webhook is an object of triggers")
    found: list[tuple[str, Any]] = []
    for trigger, listed in body.items():
        if trigger.startswith("mautic."):
            found.extend((trigger, entry) for entry in (listed if isinstance(listed, list) else [listed]))
    return found or Rejection("undecodable", "", "no trigger of Mautic's")


def events_of(trigger: str, entry: Any) -> list[Object] | Rejection:
    """The events of one entry."""
    form = _FORMS.get(trigger.removesuffix("_new").removesuffix("_update"))
    if form is None:
        return Rejection("undecodable", f"/{trigger}", f"{trigger[:100]} is not known")
    if not isinstance(entry, dict):
        return Rejection("undecodable", f"/{trigger}", "an entry is an object")
    at = take_text(entry, "timestamp")
    made = form(entry, at)
    if isinstance(made, Rejection):
        return made
    return [
        finish(event, event.pop("properties", None), entry if index == 0 else {}) for index, event in enumerate(made)
    ]


def _contact(holder: Object) -> Object:
    """Who a contact is: `fields.core.<alias>.value`, or plain members of a newer body."""
    contact = take_object(holder, "lead") or take_object(holder, "contact")
    fields = contact.get("fields")
    core = {**(fields.get("core") or {}), **(fields.get("social") or {})} if isinstance(fields, dict) else {}

    def field(name: str) -> str | None:
        value = core.get(name)
        return text(value.get("value")) if isinstance(value, dict) else text(value) or text(contact.get(name))

    known = text(contact.get("id"))
    tags = contact.get("tags")
    return {
        "email": field("email"),
        "phone": field("mobile") or field("phone"),
        "identifiers": compact({"mautic_id": known}) or None,
        "origin": field("origin") or field("lead_source") or field("source") or field("utm_source"),
        "tags": [text(tag.get("tag") if isinstance(tag, dict) else tag) or "" for tag in tags]
        if isinstance(tags, list)
        else [],
    }


def _who(contact: Object) -> Object:
    return {name: contact[name] for name in ("email", "phone", "identifiers")}


Made = list[Object] | Rejection


def _form(entry: Object, at: str | None) -> Made:
    """A form that was sent in: a lead."""
    submission = take_object(entry, "submission")
    who = _who(_contact(submission))
    results = take_object(submission, "results")
    if who["email"] is None:
        who["email"] = take_text(results, "email", "e_mail", "mail")
    who["phone"] = who["phone"] or take_text(results, "phone", "mobile", "tel")
    form = take_object(submission, "form")
    properties = {**results, "form_id": text(form.get("id")), "form_name": text(form.get("name"))}
    event: Object = {
        "type": "track",
        "name": "lead",
        **who,
        "event_id": _id("form", submission.get("id")),
        "created_at": take_text(submission, "dateSubmitted") or at,
        "context": compact({"url": take_text(submission, "referer")}),
        "properties": compact(properties),
    }
    if submission:
        entry["submission"] = submission
    return _known(event)


def _opened(entry: Object, at: str | None) -> Made:
    """An e-mail that was opened."""
    stat = take_object(entry, "stat")
    who = _who(_contact(stat))
    who["email"] = who["email"] or take_text(stat, "emailAddress")
    mail = take_object(stat, "email")
    event = {
        "type": "touch",
        "name": "email opened",
        **who,
        "event_id": _id("open", stat.get("id"), stat.get("openCount")),
        "created_at": take_text(stat, "dateRead") or at,
        "touch": _touch("open", mail),
        "properties": compact({"email_id": text(mail.get("id")), "subject": text(mail.get("subject"))}),
    }
    return _known(event)


def _hit(entry: Object, at: str | None) -> Made:
    """A page that was hit: a click where an e-mail led to it, else a page."""
    hit = take_object(entry, "hit")
    who = _who(_contact(hit))
    mail = take_object(hit, "email")
    clicked = bool(mail) or hit.get("source") == "email"
    context = compact(
        {"url": take_text(hit, "url"), "title": take_text(hit, "urlTitle"), "referrer": take_text(hit, "referer")}
    )
    event: Object = {
        "type": "touch" if clicked else "page",
        "name": "email clicked" if clicked else None,
        **who,
        "event_id": _id("hit", hit.get("id")),
        "visitor_id": None if clicked else take_text(hit, "trackingId"),
        "created_at": take_text(hit, "dateHit") or at,
        "context": context,
        "touch": _touch("click", mail) if clicked else None,
    }
    return _known(event)


def _saved(entry: Object, at: str | None) -> Made:
    """A contact that was made or changed: who it is; and of a chatbot's lead, the conversation and the lead itself."""
    contact = _contact(entry)
    who, origin = _who(contact), contact["origin"]
    shared: Object = {**who, "created_at": at}
    known = str((who["identifiers"] or {}).get("mautic_id", ""))
    events: list[Object] = [
        {**shared, "type": "identify", "properties": compact({"origin": origin, "tags": contact["tags"]})}
    ]
    marks = " ".join([origin or "", *contact["tags"]]).lower()
    if "chat" in marks:
        touch = compact({"kind": "chat", "channel": "Chatbot", "source": origin or "chatbot"})
        events.append({**shared, "type": "touch", "name": "chat", "event_id": _id("chat", known), "touch": touch})
        lead = {"type": "track", "name": "lead captured", "event_id": _id("chatlead", known)}
        events.append({**shared, **lead, "properties": compact({"origin": origin or "chatbot"})})
    return (
        events
        if who["email"] or who["phone"] or who["identifiers"]
        else Rejection("missing_identifier", "", "a contact without a name")
    )


def _touch(kind: str, mail: Object) -> Object:
    """The touch of an e-mail: its own UTM tags, else its name."""
    tags = mail.get("utmTags")
    told = tags if isinstance(tags, dict) else {}
    return compact(
        {
            "kind": kind,
            "channel": "Email",
            "source": text(told.get("utmSource")) or "mautic",
            "medium": text(told.get("utmMedium")) or "email",
            "campaign": text(told.get("utmCampaign")) or text(mail.get("name")),
            "content": text(told.get("utmContent")),
        }
    )


def _id(*parts: object) -> str | None:
    """An id of our own from Mautic's, so that a call that is sent again changes nothing."""
    texts = [text(part) for part in parts]
    return None if texts[1] is None else "mautic-" + "-".join(part for part in texts if part)


def _known(event: Object) -> Made:
    if not (event["email"] or event["phone"] or event["identifiers"] or event.get("visitor_id")):
        return Rejection("missing_identifier", "", "nobody is named")
    return [event]


_FORMS: Final[dict[str, Callable[[Object, str | None], Made]]] = {
    "mautic.form_on_submit": _form,
    "mautic.email_on_open": _opened,
    "mautic.page_on_hit": _hit,
    "mautic.lead_post_save": _saved,
    "mautic.lead_on_identified": _saved,
}
