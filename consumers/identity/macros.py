"""The conditions under which a link counts, as SQL: not taken back, not said by a repeated event, not of a blocked value."""

from __future__ import annotations

import itertools
from typing import Final

_SELECTORS: Final = "site, id_type, id_value, other_type, other_value, event_id"
_MIRRORED: Final = "site, other_type, other_value, id_type, id_value, event_id"
_RETRACTED: Final = (
    f"(SELECT {_SELECTORS} FROM identity_retractions UNION ALL SELECT {_MIRRORED} FROM identity_retractions)"
)
NOT_REPEATED: Final = (
    "(log_gen, log_part, log_off) NOT IN (SELECT log_gen, log_part, log_off FROM {{derived}}.event_duplicates FINAL "
    "WHERE (site, subject) IN (SELECT site, subject FROM identity_links WHERE (site, id_type, id_value) IN "
    "(SELECT site, id_type, id_value FROM {{scratch}}.todo UNION ALL SELECT site, id_type, id_value FROM {{scratch}}.members)))"
)


def _selectors(one: tuple[str, str], other: tuple[str, str], event: str) -> list[str]:
    """All that a retraction may say to name this link, as tuples; what a retraction leaves empty is any."""
    selectors = []
    for with_one, with_other, with_event in itertools.product((True, False), repeat=3):
        if with_one or with_other or with_event:
            named = [
                *(one if with_one else ("''", "''")),
                *(other if with_other else ("''", "''")),
                event if with_event else "''",
            ]
            selectors.append(f"(site, {', '.join(named)})")
    return selectors


def _is_retracted(one: tuple[str, str], other: tuple[str, str], event: str) -> str:
    """Whether some retraction names this link."""
    return "(" + " OR ".join(f"{selector} IN {_RETRACTED}" for selector in _selectors(one, other, event)) + ")"


_LINK: Final = (("id_type", "id_value"), ("other_type", "other_value"), "event_id")
LINK_RETRACTED: Final = _is_retracted(*_LINK)
# Which retractions name a link: one row of its table per thing they may say.
LINK_SELECTORS: Final = f"[{', '.join(_selectors(*_LINK))}]"
RETRACTIONS_BOTH_WAYS: Final = (
    f"(SELECT ({_SELECTORS}) AS selector, at, by, reason FROM identity_retractions "
    f"UNION ALL SELECT ({_MIRRORED}) AS selector, at, by, reason FROM identity_retractions)"
)
_SUBJECT: Final = ("{{subject_type}}", "{{subject_value}}")
# An event's own subject is never taken from it.
CANDIDATE_NOT_RETRACTED: Final = f"(candidate = ({', '.join(_SUBJECT)}) OR NOT {_is_retracted(_SUBJECT, ('candidate.1', 'candidate.2'), 'event_id')})"

OF_REFRESH: Final = {
    # Of the identifiers that the dirty subjects are. By one text first: each row is looked for in a set of tuples at seven times the cost.
    "id_is_dirty": (
        "id_value IN (SELECT {{subject_value}} FROM {{scratch}}.dirty_subjects) "
        "AND (site, id_type, id_value) IN (SELECT site, {{subject_type}}, {{subject_value}} FROM {{scratch}}.dirty_subjects)"
    ),
    "candidates_of_events": "{{scratch}}.candidates",
    "owners_of_candidates": (
        "(SELECT * FROM {{derived}}.identity_owners FINAL WHERE (site, id_type, id_value) IN "
        "(SELECT site, candidate.1, candidate.2 FROM {{scratch}}.candidates))"
    ),
}
_CONNECTS_NOBODY: Final = "IN (SELECT site, id_type, id_value FROM identity_owners FINAL WHERE suppressed)"
# As `standing`, and what the resolver asks beside it, for whoever wants to know why a link counts or does not.
_LINK_STANDING: Final = (
    "multiIf("
    "kind = 'mention', 'mention only', "
    f"{LINK_RETRACTED}, 'taken back', "
    "({{id_is_blocked}}) OR ({{other_is_blocked}}), 'blocked', "
    "(log_gen, log_part, log_off) IN (SELECT log_gen, log_part, log_off FROM event_duplicates FINAL), 'repeated event', "
    f"(site, id_type, id_value) {_CONNECTS_NOBODY} OR (site, other_type, other_value) {_CONNECTS_NOBODY}, 'limit', "
    # identifiers of one rank: only devices, and anchors by an alias with the secret key, are joined
    "other_type = '' OR {{level_of_other}} != {{level_of_id}}, 'stands', "
    "{{level_of_id}} = {{device_level}} AND {{joins_within_level}} "
    "AND (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM identity_owners FINAL WHERE wide_group != ''), 'group', "
    "{{level_of_id}} IN (0, {{device_level}}) AND {{joins_within_level}}, 'stands', "
    "evidence = 'alias', 'alias', 'same rank')"
)
OF_VIEW: Final = {
    "link_standing": _LINK_STANDING,
    "candidates_of_events": (
        "(SELECT site, subject, event_id, toUnixTimestamp64Milli(ts) AS ts_ms, log_gen, log_part, log_off, "
        "arrayJoin({{candidates}}) AS candidate FROM events "
        "WHERE user_id != '' OR notEmpty(identifiers) OR startsWith(subject, '~') OR click_id != '')"
    ),
    "owners_of_candidates": "(SELECT * FROM identity_owners FINAL)",
    "candidate_not_retracted": CANDIDATE_NOT_RETRACTED,
}


def standing(*, repeated: bool, retracted: bool) -> dict[str, str]:
    """The macros of a refresh; what there is none of costs nothing."""
    conditions = ["kind != 'mention'", "NOT {{other_is_blocked}}"]
    if repeated:
        conditions.append(NOT_REPEATED)
    if retracted:
        conditions.append(f"NOT {LINK_RETRACTED}")
    return {
        "link_stands": "(" + " AND ".join(conditions) + ")",
        "candidate_not_retracted": CANDIDATE_NOT_RETRACTED if retracted else "1",
    }
