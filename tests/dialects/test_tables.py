"""The documentation says what the decoders do."""

from __future__ import annotations

from pathlib import Path

from collector.dialects.catalogue import DIALECTS
from collector.dialects.tables import markdown

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "dialects.md"


def test_the_page_is_made_from_the_tables() -> None:
    assert DOCUMENT.read_text("utf-8") == markdown(), "run: python -m collector.dialects.tables > docs/dialects.md"


def test_a_field_is_in_one_list_only() -> None:
    for dialect in DIALECTS:
        fields = dialect.fields
        assert not set(fields.mapped) & set(fields.kept)
        assert not set(fields.mapped) & set(fields.transport)
        assert not set(fields.kept) & set(fields.transport)
