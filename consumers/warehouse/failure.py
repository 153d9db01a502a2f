"""The engine's error texts → the two errors of the contract. Knows nothing of transports."""

from __future__ import annotations

import re
from typing import Final

from consumers.warehouse.contract import WarehouseError

_CODE = re.compile(r"Code: (\d+)\.")
RETRY_LATER: Final = frozenset(
    {159, 173, 201, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 279, 285, 286, 319, 394, 439, 745, 999}
)
"""Codes after which the same statement may work later, or may have worked: time-outs, overload (too many parts, quota, memory, a full
disk), a server that is stopping, no Keeper or too few replicas, a query that somebody ended, unknown status."""


def error_code(text: str) -> int:
    """ClickHouse's error number in an exception text; 0 = none given."""
    found = _CODE.search(text)
    return int(found.group(1)) if found else 0


def failure(error: BaseException | str) -> WarehouseError:
    """The `WarehouseError` of an engine's exception, without what wrappers put before `Code: …`."""
    text = str(error)
    start = text.find("Code: ")
    return WarehouseError(text[max(start, 0) :].strip(), error_code(text))
