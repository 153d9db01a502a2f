"""The views have at least the columns that BI tools were promised, with the promised types."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.embedded import open_embedded

pytestmark = pytest.mark.anyio

PROMISED = {
    "v_events": "site event_id visitor_id person_id user_id session_id type name ts received_at sent_at created_at url referrer "
    "utm_source utm_medium utm_campaign utm_content utm_term click_id_type click_id value currency order_id country browser os "
    "device_type language timezone screen seq is_bot consent dialect properties identifiers",
    "v_identities": "site id_type id_value person_id shared first_seen last_seen",
    "v_identity_owners": "site id_type id_value person_id owned_from owned_until",
    "v_identity_links": "site id_type id_value other_type other_value kind evidence ts event_id standing",
    "v_sessions": "site session_id visitor_id person_id started_at ended_at events pageviews engaged entry_url exit_url referrer node "
    "channel source medium campaign content term click_id_type country device_type is_bot conversions",
    "v_touchpoints": "site touchpoint_id person_id visitor_id session_id ts kind node channel source medium campaign content term "
    "creative cost",
    "v_conversions": "site conversion_id person_id visitor_id session_id ts name order_id value currency reported_by number",
    "v_conversion_paths": "site conversion_id person_id converted_at name value currency number touches path_channels path_nodes "
    "path_sources path_mediums path_campaigns path_kinds path_ts path_touchpoint_ids first_touch_at seconds_to_convert devices",
    "v_open_paths": "site person_id touches path_channels path_ts last_touch_at stage",
    "v_bad_events": "site received_at code pointer message payload",
}
TIMES = (
    "ts",
    "received_at",
    "started_at",
    "ended_at",
    "converted_at",
    "last_touch_at",
    "first_seen",
    "last_seen",
    "owned_from",
)


async def test_columns_and_types(tmp_path: Path) -> None:
    warehouse = await open_embedded(tmp_path)
    try:
        await prepare_tables(warehouse, load())
        await prepare_tables(warehouse, load())  # a second start changes nothing and fails nowhere
        for view, wanted in PROMISED.items():
            described = {str(row[0]): str(row[1]) for row in await warehouse.rows(f"DESCRIBE TABLE {view}")}
            assert set(wanted.split()) <= set(described), view
            for column, kind in described.items():
                if column in TIMES:
                    assert kind == "DateTime64(3, 'UTC')", f"{view}.{column} is {kind}"
                if column in ("value", "cost", "credit"):
                    assert "Decimal(18, 4)" in kind, f"{view}.{column} is {kind}"
                if column.endswith("_id") or column == "id_value":
                    assert kind in ("String", "UInt64"), f"{view}.{column} is {kind}"
            assert await warehouse.rows(f"SELECT count() FROM {view}") == [(0,)]
    finally:
        await warehouse.close()
