"""The place in a partition after a start: the table and the commit each know something the other may not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumers.progress import Place, places

OFFSETS = st.integers(0, 1_000)


@given(st.dictionaries(st.integers(0, 9), OFFSETS), st.dictionaries(st.integers(0, 9), OFFSETS))
def test_every_assigned_partition_resumes_at_the_later_of_both(
    committed: dict[int, int], loaded: dict[int, int]
) -> None:
    found = {place.partition: place for place in places(committed, loaded)}
    assert found.keys() == committed.keys()
    for partition, place in found.items():
        assert place.resume_at == max(committed[partition], loaded.get(partition, 0))
        assert place.unrefreshed == (loaded.get(partition, 0) > committed[partition])


def test_a_crash_before_the_commit_leaves_facts_to_derive() -> None:
    assert Place(0, committed=5, loaded=9).unrefreshed


def test_a_commit_past_the_table_is_believed() -> None:
    """The last records were bad events, or their facts were erased since."""
    place = Place(0, committed=9, loaded=5)
    assert place.resume_at == 9
    assert not place.unrefreshed
