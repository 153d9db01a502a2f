"""All dialects, and which of them a path belongs to. Pure."""

from __future__ import annotations

from typing import Final

from collector.dialects import ga4, ga4_browser, matomo, mautic, meta_capi, plausible, posthog, segment, snowplow, umami
from collector.dialects.contract import Dialect

DIALECTS: Final[tuple[Dialect, ...]] = (
    segment.DIALECT,
    snowplow.DIALECT,
    ga4.DIALECT,
    ga4_browser.DIALECT,
    posthog.DIALECT,
    matomo.DIALECT,
    mautic.DIALECT,
    plausible.DIALECT,
    umami.DIALECT,
    meta_capi.DIALECT,
)
_BY_PATH: Final = {path: dialect for dialect in DIALECTS for path in dialect.paths}
# What a front can look up without asking.
PATHS: Final = frozenset(_BY_PATH)


def find(path: str) -> Dialect | None:
    """The dialect of this path (without our prefix)."""
    found = _BY_PATH.get(path)
    if found is not None:
        return found
    return next((dialect for dialect in DIALECTS if dialect.matches(path)), None)
