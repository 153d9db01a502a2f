"""What advertising cost: rows as senders write them, and as the log holds them. Pure.

The unit is the day of an account: what is said of it later replaces all that was said before, so a corrected report needs
no ids and leaves nothing of the wrong one behind.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

import msgspec

from schemas.limits import IDENTIFIER_CHARS_MAX

ROWS_MAX: Final = 5_000
# Decimal(18, 4): fourteen digits before the point.
COST_MAX: Final = Decimal(10) ** 14
# Of rows that name neither account nor source nor channel.
UNNAMED: Final = "(none)"

Name = Annotated[str, msgspec.Meta(max_length=IDENTIFIER_CHARS_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]


class Cost(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One row of a report. `currency` is ISO 4217; `account` is the source, else the channel, where it is not given."""

    day: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    cost: Decimal
    account: Name = ""
    channel: Name = ""
    source: Name = ""
    medium: Name = ""
    campaign: Name = ""
    currency: Annotated[str, msgspec.Meta(pattern="^([A-Z]{3})?$")] = ""
    impressions: Count = 0
    clicks: Count = 0

    @property
    def of_account(self) -> str:
        """Whose day this is part of."""
        return self.account or self.source or self.channel or UNNAMED


class Spent(msgspec.Struct, frozen=True, array_like=True):
    """One row as the log holds it. Fields are only ever appended."""

    cost: Decimal
    currency: str
    channel: str = ""
    source: str = ""
    medium: str = ""
    campaign: str = ""
    impressions: int = 0
    clicks: int = 0
