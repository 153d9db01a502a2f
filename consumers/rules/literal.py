"""Text as a ClickHouse string literal, and hosts as a condition."""

from __future__ import annotations

import re
from collections.abc import Iterable


def quote(text: str) -> str:
    """A ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def either(names: Iterable[str]) -> str:
    """A regular expression (RE2) that is any of these texts."""
    return "|".join(re.escape(name).replace("\\-", "-") for name in names)


def host_or_below(column: str, hosts: Iterable[str]) -> str:
    """Whether a column is one of these hosts or a host below one."""
    return f"match({column}, {quote(f'(^|[.])({either(hosts)})$')})"
