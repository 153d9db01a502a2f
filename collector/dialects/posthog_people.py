"""Whom a PostHog event names. Its `distinct_id` is the device before a log-in and the user after it. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from collector.dialects.values import Object, take

# Servers send page views for a visitor they know by a cookie; everything else they send is about a user.
_VISITS: Final = frozenset({"$pageview", "$screen", "$pageleave"})
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COOKIELESS: Final = "$posthog_cookieless"


def take_people(name: str, told: Object, properties: Object) -> Object:
    """`visitor_id` and `user_id`."""
    distinct = _known(take(told, "distinct_id"))
    inner = _known(take(properties, "distinct_id"))
    distinct = distinct if distinct is not None else inner
    device = _known(take(properties, "$device_id"))
    before = _known(take(properties, "$anon_distinct_id"))
    if name == "$create_alias":
        reverse = device is not None or properties.get("$lib") == "posthog-python"
        return _alias(distinct, _known(take(properties, "alias")), reverse)
    visitor = device if device is not None else before
    if visitor is not None:
        return {"visitor_id": visitor, "user_id": None if distinct == visitor else distinct}
    if name in _VISITS or properties.get("$process_person_profile") is False:
        return {"visitor_id": distinct, "user_id": None}
    return {"visitor_id": None, "user_id": distinct}


def _known(value: Any) -> Any:
    return None if value == _COOKIELESS else value


def _alias(distinct: Any, alias: Any, reverse: bool) -> Object:
    """Two ids are one person's. The libraries differ in which stands where: browsers and Python send the old one as
    `distinct_id` (`reverse`), the others the new one; an id made by a library (a UUID) is the device's in any case."""
    visitor, user = (distinct, alias) if reverse else (alias, distinct)
    if _made(user) and not _made(visitor):
        visitor, user = user, visitor
    return {"visitor_id": visitor, "user_id": user}


def _made(value: Any) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None
