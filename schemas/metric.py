"""One line of a catalogue of metrics: what a process counts, as Prometheus shows it and the documentation lists it."""

from __future__ import annotations

from typing import Literal

import msgspec


class Metric(msgspec.Struct, frozen=True):
    """`label` names the one label, if there is any."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    label: str = ""
