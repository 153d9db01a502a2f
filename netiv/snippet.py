"""The tag to paste into pages, plain and pinned by its hash (subresource integrity), from the SDK's build manifest."""

from __future__ import annotations

from pathlib import Path

import msgspec


class _File(msgspec.Struct, frozen=True):
    """One built file."""

    hashed: str
    integrity: str


class _Manifest(msgspec.Struct, frozen=True):
    """sdk_js/dist/manifest.json."""

    files: dict[str, _File]


def built(folder: Path) -> _File | None:
    """The build's `netiv.js`; None where the SDK is not built."""
    try:
        return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=_Manifest).files.get("netiv.js")
    except (OSError, msgspec.MsgspecError):
        return None


def sdk_folder() -> Path:
    """Where the build is, as the collector looks for it."""
    from collector.sdk_files import folder_of

    package = Path(__file__).parents[1] / "collector"
    return folder_of(package, package.parent)


def tags(url: str, write_key: str, file: _File | None, short: str = "") -> list[tuple[str, str]]:
    """(what it is, the tag): always the newest version, the pinned one where there is a build, and the one under the
    alias where there is one; `short` is that one's address."""
    key = write_key or "YOUR_WRITE_KEY"
    plain = f'<script async src="{url}/netiv.js" data-key="{key}"></script>'
    if file is None:
        return [("Paste into your pages", plain)]
    pinned = (
        f'<script async src="{url}/{file.hashed}" integrity="{file.integrity}" crossorigin="anonymous" '
        f'data-key="{key}"></script>'
    )
    unknown = [("Or under a name no list knows", f'<script async src="{short}/s.js" data-key="{key}"></script>')]
    return [("Paste into your pages", plain), ("Or pinned to this very file", pinned), *(unknown if short else [])]
