"""Consumers that share tables take over the rules that were put in force last, before their next refresh.

In a cluster the table `rule_versions` is the truth, not the files of each machine: `netiv migrate` and `netiv rules publish` write it.
"""

from __future__ import annotations

import msgspec
import structlog

from consumers.refresh.refresher import Refresher
from consumers.rules.files import Rules, version_of
from consumers.tables import published_version
from consumers.warehouse.contract import Warehouse


async def published_rules(warehouse: Warehouse, otherwise: Rules) -> Rules:
    """The rules in force in these tables; `otherwise` where none were ever published."""
    version = await published_version(warehouse)
    if version is None or version == version_of(otherwise):
        return otherwise
    rows = await warehouse.rows(
        "SELECT rules FROM rule_versions WHERE version = {version:UInt64} ORDER BY published_at DESC LIMIT 1",
        {"version": version},
    )
    return msgspec.json.decode(rows[0][0], type=Rules)


class Takeover:
    """Looks whether other rules are in force by now."""

    def __init__(self, warehouse: Warehouse, refresher: Refresher, rules: Rules) -> None:
        self._warehouse, self._refresher, self._rules = warehouse, refresher, rules
        self._version = version_of(rules)

    async def __call__(self) -> None:
        """Adopt them, if so. To be called between refreshes."""
        if await published_version(self._warehouse) == self._version:
            return
        rules = await published_rules(self._warehouse, self._rules)
        if version_of(rules) != self._version:
            self._refresher.adopt(rules)
            self._rules, self._version = rules, version_of(rules)
            structlog.get_logger("netiv.rules").info("adopted", rules_version=str(self._version))
