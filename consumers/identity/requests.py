"""What may be asked of whoever owns the tables: to take links back, to erase a person, to read the log again. And the answer."""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.sites import PHONE_REGION

# What puts an identifier in quarantine (schemas/clickhouse/derive/19_*.sql).
QUARANTINE_RULES: Final = ("shared", "limit", "group", "blocked", "alias")

# Of one erasure: as many ids of the greatest length are a line that may be asked of running consumers.
PERSONS_MAX: Final = 100


class Unlink(msgspec.Struct, frozen=True, tag="unlink", omit_defaults=True):
    """Ignore links for ever: between two identifiers, all of one, all of an event, or all that a rule put in quarantine.
    `listed`: the sites file has the site; one that it has not is known where the tables hold something of it."""

    site: str
    one: tuple[str, str] = ("", "")
    other: tuple[str, str] = ("", "")
    event_id: str = ""
    rule: str = ""
    by: str = ""
    reason: str = ""
    listed: bool = True


class Erase(msgspec.Struct, frozen=True, tag="erase", omit_defaults=True):
    """Remove a person: facts, links, bad events, derived rows; and further ones (`PERSONS_MAX` in all) with nearly no more work.
    `listed` as of `Unlink`; `phone_region` as of the site, for numbers in bad events."""

    site: str
    person_id: str
    by: str = ""
    listed: bool = True
    phone_region: str = PHONE_REGION
    further: tuple[str, ...] = ()

    @property
    def persons(self) -> list[str]:
        """All of them."""
        return sorted({self.person_id, *self.further})


class Reread(msgspec.Struct, frozen=True, tag="reread"):
    """Read the log again from an offset of one partition: load what the tables miss."""

    partition: int
    offset: int


class Done(msgspec.Struct, frozen=True):
    """How many links were taken back, or facts removed or loaded. `error` = nothing was done, and why; `told` = JSON;
    `hint` = how to mend the error, or why there was nothing to do; `aside` = how many keys are set aside."""

    count: int = 0
    error: str = ""
    told: str = ""
    hint: str = ""
    aside: int = 0


Request = Unlink | Erase | Reread
