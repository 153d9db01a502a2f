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


def _is_retracted(one: tuple[str, str], other: tuple[str, str], event: str) -> str:
    """Whether some retraction names this link; what a retraction leaves empty is any."""
    masks = []
    for with_one, with_other, with_event in itertools.product((True, False), repeat=3):
        if with_one or with_other or with_event:
            named = [
                *(one if with_one else ("''", "''")),
                *(other if with_other else ("''", "''")),
                event if with_event else "''",
            ]
            masks.append(f"(site, {', '.join(named)}) IN {_RETRACTED}")
    return "(" + " OR ".join(masks) + ")"


LINK_RETRACTED: Final = _is_retracted(("id_type", "id_value"), ("other_type", "other_value"), "event_id")
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
OF_VIEW: Final = {
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
