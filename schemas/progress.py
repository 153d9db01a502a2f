"""Under which names consumers tell the log how far the tables are, and everybody else asks it. Pure."""

from __future__ import annotations

from typing import Final

# The consumers' group: what it has committed is derived.
GROUP: Final = "netiv"
# A mark: what lies below it is in the facts.
LOADED: Final = "loaded"
