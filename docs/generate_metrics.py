"""Writes docs/metrics.md from the catalogues in the code: `python docs/generate_metrics.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from collector.metrics import CATALOGUE, SECONDS_MEANING, SECONDS_NAME
from consumers.metrics import CATALOGUE as CONSUMER_CATALOGUE

PAGE = Path(__file__).with_name("metrics.md")
HEAD = """# Metrics

Every metric, as Prometheus sees it. Counters end in `_total`; units stand in the names (seconds, bytes; else pieces). This page is
made by `python docs/generate_metrics.py` from the catalogues in `collector/metrics.py` and `consumers/metrics.py`.
"""
TABLE = "\n| metric | kind | label | meaning |\n|---|---|---|---|\n"


class Line(Protocol):
    """A line of either catalogue."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def meaning(self) -> str: ...

    @property
    def label(self) -> str: ...


def row(metric: Line) -> str:
    """One line of a table."""
    name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
    return f"| `{name}` | {metric.kind} | {metric.label} | {metric.meaning} |\n"


def page() -> str:
    """The page as it should be."""
    collector = "".join(row(metric) for metric in CATALOGUE)
    seconds = f"| `{SECONDS_NAME}` | histogram |  | {SECONDS_MEANING} |\n"
    consumers = "".join(row(metric) for metric in CONSUMER_CATALOGUE)
    return (
        f"{HEAD}\n## Collectors: `/metrics` of the HTTP port\n{TABLE}{collector}{seconds}"
        f"\n## Consumers: `/metrics` of `NETIV_CONSUMER_METRICS_PORT`\n{TABLE}{consumers}"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
