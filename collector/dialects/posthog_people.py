"""Whom a PostHog event names. Its `distinct_id` is the device before a log-in and the user after it. Pure."""

from __future__ import annotations

from typing import Any, Final

from collector.dialects.values import Object, take

# Servers send page views for a visitor they know by a cookie; everything else they send is about a user.
_VISITS: Final = frozenset({"$pageview", "$screen", "$pageleave"})
_COOKIELESS: Final = "$posthog_cookieless"


def take_people(name: str, told: Object, properties: Object) -> Object:
    """`visitor_id` and `user_id`."""
    distinct = _known(take(told, "distinct_id"))
    inner = _known(take(properties, "distinct_id"))
    distinct = distinct if distinct is not None else inner
    device = _known(take(properties, "$device_id"))
    before = _known(take(properties, "$anon_distinct_id"))
    if name == "$create_alias":
        return _alias(distinct, device, _known(take(properties, "alias")))
    visitor = device if device is not None else before
    if visitor is not None:
        return {"visitor_id": visitor, "user_id": None if distinct == visitor else distinct}
    if name in _VISITS or properties.get("$process_person_profile") is False:
        return {"visitor_id": distinct, "user_id": None}
    return {"visitor_id": None, "user_id": distinct}


def _known(value: Any) -> Any:
    return None if value == _COOKIELESS else value


def _alias(distinct: Any, device: Any, alias: Any) -> Object:
    """Browsers send the old id as `distinct_id` and the new one as `alias`; servers the other way round."""
    if device is not None:
        return {"visitor_id": device, "user_id": alias}
    return {"visitor_id": alias, "user_id": distinct}
