"""The engine's error texts → the two errors of the contract. Knows nothing of transports."""

from __future__ import annotations

import re

from consumers.warehouse.contract import WarehouseError

_CODE = re.compile(r"Code: (\d+)\.")


def error_code(text: str) -> int:
    """ClickHouse's error number in an exception text; 0 = none given."""
    found = _CODE.search(text)
    return int(found.group(1)) if found else 0


def failure(error: BaseException | str) -> WarehouseError:
    """The `WarehouseError` of an engine's exception, without what wrappers put before `Code: …`."""
    text = str(error)
    start = text.find("Code: ")
    return WarehouseError(text[max(start, 0) :].strip(), error_code(text))
