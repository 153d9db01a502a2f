"""What stands behind each {{name}} of the derivation SQL under these rules. One definition for stream and rebuild."""

from __future__ import annotations

from typing import Final

from consumers.refresh.sql import read
from consumers.rules import conversions
from consumers.rules.channels import channel_expression, nodes, transform, visit_kind
from consumers.rules.continuity import is_listed
from consumers.rules.files import ConversionRules, Rules, SessionRules, version_of
from consumers.rules.identity import DEVICE, TRACE, is_blocked, is_blocked_visitor, level_of, limit_of
from consumers.rules.literal import quote
from consumers.rules.merging import orders
from consumers.rules.stages import stage_macros

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000

_SOURCE_KEY: Final = (
    "sipHash64(site, utm_source, utm_medium, utm_campaign, click_id_type, referrer_host, url_host, kind, landing_path)"
)

# A report (conversion, touch without a visitor) is in the session that a server names by its client's id, whenever that was; else in
# the one its visitor was in; else in the one its person has running. `n`, `s`: see sessions_of_reports.inc.sql.
_SESSION_OF_REPORT: Final = (
    "multiIf(notEmpty(n.visits), if(n.visits[1].1 <= c.ts, arrayLast(v -> v.1 <= c.ts, n.visits), n.visits[1]).2, "
    "c.own_session != 0, c.own_session, s.ended_at + toIntervalMillisecond({gap_ms:Int64}) >= c.ts, s.session_id, 0)"
)

_REPORTER: Final = (
    "multiIf(dialect = 'import', 'import', dialect = 'webhook', 'webhook', secret, 'server', "
    "dialect = 'pixel', 'pixel', 'browser')"
)


def local_day(rules: SessionRules) -> str:
    """The day of an event in the zone of its site; nothing where midnight cuts no session."""
    if not rules.midnight_starts_session:
        return "toInt32(0)"
    sites_of: dict[str, list[str]] = {}  # thousands of sites have few zones
    for site, zone in sorted(rules.midnight_zones.items()):
        sites_of.setdefault(zone, []).append(quote(site))
    days = [f"site IN ({', '.join(sites)}), toDate32(ts, {quote(zone)})" for zone, sites in sites_of.items()]
    return f"toInt32(multiIf({', '.join([*days, '0, toDate32(ts)'])}, toDate32(ts, {quote(rules.midnight_zone)})))"


def macros(rules: Rules) -> dict[str, str]:
    """name -> SQL text. Those of a refresh (`scratch`, `derived`, `not_duplicate`) are added by the refresher."""
    clicks = rules.channels.click_ids
    known = nodes(rules.channels)
    listed = ", ".join(quote(kind) for kind in rules.sessions.not_activity)
    trust = {reporter: str(rank) for rank, reporter in enumerate(rules.conversions.trust)}
    # Landing pages are many: they divide sources only where a rule asks for them.
    asks_path = any(when.path_matches for rule in rules.channels.rules for when in rule.when)
    return {
        "channel": channel_expression(rules.channels),
        "known_channel": f"touch_channel IN ({', '.join(quote(channel) for channel in known)})",
        "told_channel": _told_channel(list(known)),
        "visit_kind": visit_kind(rules.channels),
        "channel_node": transform("touch_channel", known, "classic"),
        "click_source": transform("click_id_type", {key: click.source for key, click in clicks.items()}),
        "click_medium": transform("click_id_type", {key: click.medium for key, click in clicks.items()}),
        **_conversions(rules.conversions),
        "local_day": local_day(rules.sessions),
        "is_activity": f"active AND NOT startsWith(subject, '~') AND type NOT IN ({listed})",
        "source_key": _SOURCE_KEY,
        "is_continuing": is_listed(rules.continuity),
        "landing_path": "path(entry.2)" if asks_path else "''",
        "touch_landing_path": "path(e.url)" if asks_path else "''",
        "reporter": _REPORTER,
        "trust": f"toUInt8({transform('reporter', trust, '99')})",
        **orders(rules.conversions),
        **_identity(rules),
        **stage_macros(rules.stages),
        "session_of_report": _SESSION_OF_REPORT,
        "sessions_of_conversions": _sessions_of("chosen"),
        "sessions_of_touches": _sessions_of("lone_touches"),
        "gap_ms": str(round(rules.sessions.gap_minutes * MINUTE_MS)),
    }


def _told_channel(known: list[str]) -> str:
    """A sender's name of a channel in the rules' spelling, whatever its letter case; any other as it was sent."""
    folded = {channel.lower(): channel for channel in reversed(known)}
    names = ", ".join(quote(name) for name in folded), ", ".join(quote(channel) for channel in folded.values())
    exact = ", ".join(quote(channel) for channel in known)
    told = "toString(e.touch_channel)"
    return (
        f"if({told} IN ({exact}), {told}, transform(lowerUTF8(trimBoth({told})), [{names[0]}], [{names[1]}], {told}))"
    )


def _sessions_of(reports: str) -> str:
    return read("derive/sessions_of_reports.inc.sql").replace("{{reports}}", f"{{{{scratch}}}}.{reports}")


def _conversions(rules: ConversionRules) -> dict[str, str]:
    return {
        "is_refund": conversions.is_refund(rules),
        "is_conversion": conversions.is_conversion(rules),
        "conversion_name": conversions.conversion_name(rules),
        "conversion_value": conversions.conversion_value(rules),
        "conversion_currency": conversions.conversion_currency(rules),
        "conversion_order": conversions.conversion_order(rules),
        "refunded_event": conversions.refunded_event(rules),
        "refund_of": conversions.refund_of(rules),
        "lookback_ms": conversions.lookback_ms(rules),
        "touches_max": (
            f"greatest(1, least({conversions.PATH_TOUCHES_MAX}, intDiv({conversions.PATHS_TOUCHES_MAX}, conversions_of_person)))"
        ),
        "steps_uncut_max": str(conversions.STEPS_UNCUT_MAX),
        "piece_steps_min": str(conversions.PIECE_STEPS_MIN),
    }


_CANDIDATES: Final = (
    "arrayDistinct(arrayConcat("
    "if(user_id = '', [], [('user_id', user_id)]), "
    "arrayFilter(i -> i.1 != '' AND i.2 != '' AND NOT (i.1 = 'user_id' AND user_id != '') AND NOT (i.1 = 'visitor_id' AND visitor_id != ''), "
    "arrayZip(arrayMap(k -> toString(k), mapKeys(identifiers)), mapValues(identifiers))), "
    "if(visitor_id = '', [], [('visitor_id', visitor_id)]), "
    "if(click_id = '', [], [(toString(click_id_type), click_id)])))"
)
# A subject as an identifier: visitors stand for themselves, all others are `~type:value`.
_SUBJECT_TYPE: Final = "if(startsWith(subject, '~'), substring(splitByChar(':', subject)[1], 2), 'visitor_id')"
_SUBJECT_VALUE: Final = "if(startsWith(subject, '~'), substring(subject, position(subject, ':') + 1), subject)"
# A link that joins identifiers of one level into a group; anchors only by an alias that was sent with the secret key.
_JOINS_WITHIN_LEVEL: Final = "other_type != '' AND {{level_of_other}} = {{level_of_id}} AND ({{level_of_id}} != 0 OR (evidence = 'alias' AND secret))"
# Each stretch of ownership a row, to be looked up by time: beside every event the whole history of what is signed in and out all
# day would be its length squared. The first reaches back for ever.
_STRETCHES: Final = (
    "ARRAY JOIN arrayPushFront(arrayPopFront(owned_from), toInt64('-9223372036854775808')) AS since, owners AS owner"
)
_KEYS: Final = (
    "if(id_type = 'visitor_id' AND NOT startsWith(id_value, '~'), "
    "[concat('~visitor_id:', id_value), id_value], [concat('~', toString(id_type), ':', id_value)])"
)


def _identity(rules: Rules) -> dict[str, str]:
    own = rules.identity
    return {
        "candidates": _CANDIDATES,
        "keys_of_id": _KEYS,
        "stretches": _STRETCHES,
        "subject_type": _SUBJECT_TYPE,
        "subject_value": _SUBJECT_VALUE,
        "level_of_id": level_of(own, "id_type"),
        "level_of_other": level_of(own, "other_type"),
        "joins_within_level": _JOINS_WITHIN_LEVEL,
        "limit_of_id": limit_of(own, "id_type"),
        "linked_max": str(own.linked_max()),
        "id_is_blocked": is_blocked(own, "id_type", "id_value"),
        "other_is_blocked": is_blocked(own, "other_type", "other_value"),
        "visitor_is_blocked": is_blocked_visitor(own, "subject"),
        "candidate_is_blocked": is_blocked(own, "candidate.1", "candidate.2"),
        "level_of_candidate": level_of(own, "candidate.1"),
        "level_of_person": level_of(own, "splitByChar(':', person_id)[1]"),
        "device_level": str(DEVICE),
        "trace_level": str(TRACE),
        "event_persons": read("derive/event_persons.inc.sql"),
        "by_length": read("derive/visits_of_any_length.inc.sql"),
        "cut_by_length": read("derive/visits_cut_by_length.inc.sql"),
    }


def parameters(rules: Rules) -> dict[str, int]:
    """Numbers of the rules, bound as server-side parameters."""
    return {
        "gap_ms": round(rules.sessions.gap_minutes * MINUTE_MS),
        # nothing of a session outlasts a silence longer than this
        "quiet_ms": round(max(rules.sessions.gap_minutes, rules.sessions.continuity_minutes) * MINUTE_MS),
        "length_ms": round(rules.sessions.max_hours * 60 * MINUTE_MS),
        "continuity_ms": round(rules.sessions.continuity_minutes * MINUTE_MS),
        "rules_version": version_of(rules),
        "split_on_campaign": int(rules.sessions.new_campaign_starts_session),
        "split_on_owner": int(rules.sessions.another_person_starts_session),
        "split_at_midnight": int(rules.sessions.midnight_starts_session),
        "order_ms": round(rules.conversions.order_days * DAY_MS),
        "duplicate_ms": round(rules.conversions.duplicate_hours * 60 * MINUTE_MS),
    }
