"""Which facts came after a moment: by their places in the log, not by a clock."""

from __future__ import annotations

from consumers.warehouse.contract import Warehouse

_PLACES = "SELECT log_gen, log_part, max(log_off) FROM events GROUP BY log_gen, log_part"


class Since:
    """Remembers how far each partition of the log is in the table."""

    def __init__(self, places: dict[tuple[int, int], int]) -> None:
        self._places = places

    @classmethod
    async def now(cls, warehouse: Warehouse) -> Since:
        """As of now."""
        return cls(await _places(warehouse))

    async def condition(self, warehouse: Warehouse) -> str:
        """SQL for the facts since the last look; '' when there are none. Looks anew."""
        before, self._places = self._places, await _places(warehouse)
        parts = [
            f"(log_gen = {generation} AND log_part = {part} AND log_off > {before.get((generation, part), -1)})"
            for (generation, part), end in sorted(self._places.items())
            if end > before.get((generation, part), -1)
        ]
        return " OR ".join(parts)


async def _places(warehouse: Warehouse) -> dict[tuple[int, int], int]:
    rows = await warehouse.rows(_PLACES)
    return {(int(generation), int(part)): int(end) for generation, part, end in rows}
