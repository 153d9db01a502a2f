"""The examples of docs/events.md: the collector takes them as they stand, and they show every field there is."""

from __future__ import annotations

import re

import msgspec
import pytest

from collector.accept import Sender, judge
from schemas.event import Campaign, Context, Event, Order, Touch
from schemas.sites import Site
from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "events.md").read_text("utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=["purchase", "call"])
def test_an_example_is_accepted(example: str) -> None:
    sender = Sender(Site("shop"), secret=True, received_at=1_793_527_300_000)
    verdict = judge(example.encode(), sender, suspect=True, make_id=lambda: "made")
    assert verdict.rejection is None
    assert verdict.event_id != "made"


def test_the_examples_show_every_field() -> None:
    events = [msgspec.json.decode(example, type=Event) for example in EXAMPLES]
    contexts = [event.context for event in events]
    shown = [
        (Event, events),
        (Context, contexts),
        (Campaign, [context and context.campaign for context in contexts]),
        (Touch, [event.touch for event in events]),
        (Order, [event.order for event in events]),
    ]
    missing = [
        f"{kind.__name__}.{field}"
        for kind, found in shown
        for field in kind.__struct_fields__
        if all(getattr(one, field, None) is None for one in found)
    ]
    assert missing == []
