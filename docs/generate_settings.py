"""Writes docs/settings.md from the settings' own descriptions: `python docs/generate_settings.py`."""

from __future__ import annotations

from pathlib import Path

from schemas.settings import Settings

PAGE = Path(__file__).with_name("settings.md")
HEAD = """# Settings

Read once at the start: options of the command, then the environment, then `netiv.toml` in the working folder, then the default.
In `netiv.toml` the names are lower case without the prefix; one that is no setting is an error there. `netiv doctor` warns of
`NETIV_*` variables that nothing reads. This page is made by `python docs/generate_settings.py`.

| environment | default | what |
|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in ("", None, ()) else f"`{field.default}`"
        rows.append(f"| `NETIV_{name.upper()}` | {default} | {field.description} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
