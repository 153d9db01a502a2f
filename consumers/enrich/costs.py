"""A statement of costs as rows. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Final

from consumers.enrich.row import Row
from eventlog.contract import Position
from schemas.record import Costs

_CENT: Final = Decimal("0.0001")


def cost_rows(record: Costs, position: Position) -> list[Row]:
    """One row each. A row's id is made from what it is about, so that a corrected one takes its place; equal ones count up."""
    seen: Counter[tuple[str, ...]] = Counter()
    rows = []
    for spent in record.rows:
        about = (record.account, spent.channel, spent.source, spent.medium, spent.campaign, spent.currency)
        seen[about] += 1
        mark = "\x1f".join((*about, str(seen[about])))
        rows.append({
            "site": record.site, "cost_id": hashlib.blake2b(mark.encode("utf-8", "replace"), digest_size=12).hexdigest(),
            "day": date.fromisoformat(record.day), "account": record.account, "channel": spent.channel, "source": spent.source,
            "medium": spent.medium, "campaign": spent.campaign, "cost": spent.cost.quantize(_CENT), "currency": spent.currency,
            "impressions": spent.impressions, "clicks": spent.clicks, "received_at": record.received_at,
            "log_gen": position.generation, "log_part": position.partition, "log_off": position.offset,
        })  # fmt: skip
    return rows
