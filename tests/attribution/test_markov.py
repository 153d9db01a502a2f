"""Removal effects: order 2 against the textbook, and order 1 against a package of somebody else."""

import pytest
from attribution.reference import removal_effects as textbook
from attribution.world import WINDOW, Path, put, view
from do_attribution.markov import MarkovAttribution
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.reports.removal import removal_effects

CHANNELS = ["Direct", "Email", "Paid Search", "Live"]
WAYS = st.lists(
    st.tuples(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=6), st.booleans()), min_size=1, max_size=7
)


def transitions(ways, order):
    for channels, converted in ways:
        walk = [*["(start)"] * order, *channels, "(conversion)" if converted else "(null)"]
        for i in range(len(walk) - order):
            yield tuple(walk[i : i + order]), walk[i + order], 1


@settings(max_examples=100, deadline=None)
@given(ways=WAYS, order=st.sampled_from([1, 2]))
def test_solver_equals_the_textbook(ways, order):
    expected = {channel: float(effect) for channel, effect in textbook(ways, order).items()}
    assert removal_effects(transitions(ways, order)) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(ways=WAYS.filter(lambda ways: any(converted for _, converted in ways)), order=st.sampled_from([1, 2]))
def test_solver_equals_another_package(ways, order):
    """do-attribution (MIT): every step into a channel is sent to the end without conversion."""
    theirs = MarkovAttribution(order=order, removal_strategy="redirect_to_null").fit(
        [" > ".join(channels) for channels, _ in ways], [int(converted) for _, converted in ways]
    )
    assert removal_effects(transitions(ways, order)) == pytest.approx(theirs["removal_effects"], abs=1e-6)


@pytest.mark.anyio
async def test_transitions_of_order_two_come_from_the_view(warehouse):
    ways = [
        (["Email", "Live", "Email", "Direct"], True),
        (["Live", "Email"], True),
        (["Email", "Live"], False),
        (["Live"], False),
    ]
    await put(
        warehouse, [Path(channels) for channels, yes in ways if yes], [channels for channels, yes in ways if not yes]
    )
    rows = await warehouse.rows(
        f"SELECT step_before, step_from, step_to, taken FROM {view('attribution_transitions_2', WINDOW)}"
    )
    found = removal_effects(((row[0], row[1]), row[2], row[3]) for row in rows)
    assert found == pytest.approx({c: float(e) for c, e in textbook(ways, 2).items()}, abs=1e-9)
    assert found != pytest.approx({c: float(e) for c, e in textbook(ways, 1).items()}, abs=1e-3)
