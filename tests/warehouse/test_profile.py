"""A server whose default profile would change what statements mean: the tables are what the model says all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.warehouse import embedded, engine_files
from consumers.warehouse.profile import MEANING
from tests.model.driver import Driver, examples
from tests.model.engine import running
from tests.model.worlds import Sent, worlds

PROFILE = {
    "join_use_nulls": "1", "group_by_use_nulls": "1", "transform_null_in": "1", "aggregate_functions_null_for_empty": "1",
    "empty_result_for_aggregation_by_empty_set": "1", "data_type_default_nullable": "1", "cast_keep_nullable": "1",
    "prefer_column_name_to_alias": "1", "final": "1", "result_overflow_mode": "break", "max_result_rows": "100000",
    "async_insert": "1", "session_timezone": "Asia/Jerusalem", "date_time_output_format": "iso",
}  # fmt: skip


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """The engine under that profile; its pipeline is given what a server is sent."""
    profile = "".join(f"<{name}>{value}</{name}>" for name, value in PROFILE.items())
    sent = "SET " + ", ".join(f"{name} = '{value}'" for name, value in MEANING.items())
    place = "<use_statistics>0</use_statistics>"
    assert place in engine_files._USERS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_files, "_USERS", engine_files._USERS.replace(place, place + profile))
        patch.setattr(embedded, "PIPELINE_STATEMENTS", (*embedded.PIPELINE_STATEMENTS, sent))
        with running(tmp_path_factory.mktemp("profile")) as (runner, pipeline):
            yield Driver(runner, pipeline)


@examples(5)
@given(worlds(), st.integers(0, 2**32))
def test_the_stream_equals_the_model(driver: Driver, world: list[Sent], seed: int) -> None:
    driver.check(world, seed)
