"""Build hook: puts the browser SDK, where `make sdk` has built it, into the package, from where the collector serves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SdkHook(BuildHookInterface):
    """Not of an editable installation: that one serves the build of its clone."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        built = Path(self.root) / "sdk_js" / "dist"
        if version != "editable" and built.is_dir():
            build_data["force_include"][str(built)] = "collector/sdk"
