"""SQL of which events, sessions and identifiers matter in a refresh: all of a subject's, or those since a bound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from consumers.identity.macros import standing
from consumers.refresh.sql import FOLDER, expand, read

# Where no subject has a bound, and where some have.
UNBOUND: Final = {"event_in_bound": "1", "session_in_bound": "1", "identity_in_bound": "0"}
_BOUND: Final = "joinGet('{{scratch}}.bound_of', 'bound', CAST(site AS String), subject)"
BOUND: Final = {
    "event_in_bound": f"toUnixTimestamp64Milli(ts) >= {_BOUND}",
    "session_in_bound": f"toUnixTimestamp64Milli(started_at) >= {_BOUND}",
    "identity_in_bound": (
        "(site, id_type, id_value) IN "
        "(SELECT site, {{subject_type}}, {{subject_value}} FROM {{scratch}}.bounds WHERE bound > 0)"
    ),
}
# Where no touch of a visitor names a visit, and where some do.
UNNAMED: Final = {"named_visit": "0", "named_visits": ""}
NAMED: Final = {"named_visit": "n.session_id", "named_visits": read("derive/visits_named.inc.sql")}
NAMING: Final = "touches WHERE client_session != '' AND NOT startsWith(subject, '~')"
DIRECTLY: Final = (
    "(SELECT * FROM events WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects) "
    "AND {{not_duplicate}} AND {{event_in_bound}})"
)
# Who may have a conversion. Alone on the tables: whoever reported one of those that are concerned, told before any is written. Of several
# consumers another one may have written a conversion of theirs since those were told: whoever has one by now.
CONVERTED: Final = (
    "SELECT site, person_id FROM {{derived}}.conversion_events "
    "WHERE (site, conversion_id) IN (SELECT site, conversion_id FROM {{scratch}}.concerned_conversions)"
)
CONVERTED_BY_NOW: Final = (
    "SELECT site, person_id FROM {{derived}}.conversions "
    "WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons)"
)
# Repeated events that were known as such; and of several consumers, where another may have found them too late to look at the
# links, and whoever loaded the repetition must not rely on it: none.
KNOWN_REPEATED: Final = (
    "((log_gen, log_part, log_off) IN (SELECT log_gen, log_part, log_off FROM {{derived}}.event_duplicates FINAL "
    "WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.event_duplicates)))"
)
NOT_DUPLICATE: Final = (
    "(log_gen, log_part, log_off) NOT IN (SELECT log_gen, log_part, log_off FROM {{scratch}}.event_duplicates)"
)


# A text of SQL: `type = 'screen'` reads no column of that name.
_LITERAL: Final = re.compile(r"'(?:[^'\\]|\\.)*'")


def columns_read(columns: Iterable[str], macros: Mapping[str, str]) -> list[str]:
    """Those columns of events that some derivation names which reads {{dirty_events}}, under the macros of rules: the others need not be
    copied for it."""
    known = {
        **standing(repeated=True, retracted=True),
        **BOUND,
        **macros,
        "dirty_events": "",
        "not_duplicate": NOT_DUPLICATE,
    }
    named: set[str] = set()
    for path in (FOLDER / "derive").glob("*.sql"):
        text = re.sub("--.*", "", path.read_text("utf-8"))
        if "{{dirty_events}}" in text:
            named.update(re.findall(r"\w+", _LITERAL.sub("", expand(text, known))))
    return [column for column in columns if column in named]
