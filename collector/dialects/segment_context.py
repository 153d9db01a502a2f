"""The `context` of a Segment message: what has a place in the canonical event, and what remains. Pure."""

from __future__ import annotations

from typing import Final

from collector.dialects.values import Object, compact, put_back, take, take_object, take_text

_PLAIN: Final = (
    ("user_agent", "userAgent"),
    ("ip", "ip"),
    ("language", "locale"),
    ("timezone", "timezone"),
)
_CAMPAIGN: Final = ("source", "medium", "name", "term", "content")


def take_context(context: Object, traits: Object, kind: str) -> tuple[Object, Object]:
    """(canonical context with `email`, `phone`, `session_id`, `identifiers` beside it, what remains).

    Traits stand in `traits`, in `context.traits`, or both; those of an identify become its own."""
    found: Object = {name: take_text(context, theirs) for name, theirs in _PLAIN}
    found |= {"screen": take(context, "screen"), "consent": take(context, "consent")}
    if isinstance(context.get("active"), bool):
        found["active"] = context.pop("active")
    found |= _take_page(context)
    found["campaign"] = _take_campaign(context)
    told = take_object(context, "traits")
    for name in ("email", "phone"):
        ours, theirs = take_text(traits, name), take_text(told, name)
        found[name] = ours or theirs
    if kind == "identify":
        for name, value in told.items():
            traits.setdefault(name, value)
    else:
        put_back(context, "traits", told)
    found["session_id"] = take_text(context, "sessionId")
    found["identifiers"] = _take_external_ids(context)
    return compact(found), context


def _take_page(context: Object) -> Object:
    """URL, referrer and title; a page without a URL has its path and search."""
    page = take_object(context, "page")
    found = {name: take_text(page, name) for name in ("url", "referrer", "title")}
    if found["url"] is None and page.get("search"):
        found["url"] = f"{page.get('path', '')}{page['search']}"
    put_back(context, "page", page)
    return found


def _take_campaign(context: Object) -> Object | None:
    campaign = take_object(context, "campaign")
    found = compact({name: take_text(campaign, name) for name in _CAMPAIGN})
    put_back(context, "campaign", campaign)
    return found or None


def _take_external_ids(context: Object) -> Object | None:
    """`externalIds: [{id, type}]`; taken only where each of them can be."""
    listed = context.get("externalIds")
    if not isinstance(listed, list) or not listed:
        return None
    found: Object = {}
    for entry in listed:
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("id"), str | int)
            or not isinstance(entry.get("type"), str)
        ):
            return None
        found[entry["type"]] = entry["id"]
    del context["externalIds"]
    return found
