"""What a refresh answers for: identifiers first, then subjects, conversions and persons."""

from __future__ import annotations

from typing import Final

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """What a refresh answers for: the name of the note, the table of dirty keys, their column there and in derived tables."""

    name: str
    dirty: str
    column: str
    derived_column: str


IDENTIFIER: Final = Kind("identifier", "judged", "{{keys_of_id}}[1]", "{{keys_of_id}}[1]")
SUBJECT: Final = Kind("subject", "dirty_subjects", "subject", "subject")
PERSON: Final = Kind("person", "concerned_persons", "person_id", "person_id")
CONVERSION: Final = Kind("conversion", "concerned_conversions", "conversion_id", "order_key")
