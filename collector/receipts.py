"""Receipts: where a request's records stand in the log, as short URL-safe text. Stateless; pure.

`generation.partition.first-last`, further runs separated by commas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from eventlog.contract import Position
from eventlog.places import base_of
from eventlog.places import runs as runs_of

TEXT_MAX: Final = 4_096
_RUN: Final = re.compile(r"(\d{1,18})\.(\d{1,6})\.(\d{1,18})-(\d{1,18})")


class Run(msgspec.Struct, frozen=True, gc=False):
    """Neighbouring records of one partition, `first` to `last` inclusive."""

    generation: int
    partition: int
    first: int
    last: int


def encode(positions: Sequence[Position]) -> str:
    """The receipt of these records, which are of one log; "" of none."""
    if not positions:
        return ""
    return encode_runs(runs_of(positions[0].generation, [base_of(one.partition) + one.offset for one in positions]))


def encode_runs(runs: Sequence[tuple[int, int, int, int]]) -> str:
    """The same of runs (generation, partition, first, last) in order, where the log says them at once."""
    return ",".join([f"{generation}.{partition}.{first}-{last}" for generation, partition, first, last in runs])


def decode(text: str) -> list[Run]:
    """The runs of a receipt. Raises `ValueError` for what is none."""
    if not text or len(text) > TEXT_MAX:
        raise ValueError("not a receipt")
    runs: list[Run] = []
    for part in text.split(","):
        match = _RUN.fullmatch(part)
        if match is None:
            raise ValueError("not a receipt")
        generation, partition, first, last = (int(number) for number in match.groups())
        if last < first:
            raise ValueError("not a receipt")
        runs.append(Run(generation, partition, first, last))
    return runs


def below(runs: Sequence[Run], generation: int, offsets: Mapping[int, int]) -> bool:
    """Whether every record of the receipt lies below these offsets of the log's `generation`."""
    return all(run.generation == generation and run.last < offsets.get(run.partition, 0) for run in runs)
