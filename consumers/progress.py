"""Where a consumer stands in each partition, and how it finds its place after a start or a reassignment. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Place(msgspec.Struct, frozen=True):
    """One partition: derived up to `committed`, in the tables up to `loaded` (next offsets)."""

    partition: int
    committed: int
    loaded: int

    @property
    def resume_at(self) -> int:
        """The next offset to read. The table is ahead after a crash before the commit; the commit is ahead when the last
        records were no facts, or were erased since."""
        return max(self.committed, self.loaded)

    @property
    def unrefreshed(self) -> bool:
        """Whether facts were inserted that perhaps nothing was derived from."""
        return self.loaded > self.committed


def places(committed: Mapping[int, int], loaded: Mapping[int, int]) -> list[Place]:
    """The place in every partition of `committed`."""
    return [Place(partition, offset, loaded.get(partition, 0)) for partition, offset in sorted(committed.items())]
