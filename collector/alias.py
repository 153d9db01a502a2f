"""The same endpoints under short names of no meaning (`NETIV_ALIAS=/n`): lists of blocked addresses know `/netiv.js` and
`/v1/events` under any prefix. Knows only names; what they serve is built elsewhere.

`/n/s.js` the script, `/n/HASH.js` and `/n/HASH.mjs` any other file of the build, `/n/e` events, `/n/p` the pixel.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.types import Receive, Scope, Send

from collector.sdk_files import SdkFiles

EVENTS: Final = "/e"
PIXEL: Final = "/p"
SCRIPT: Final = "/s.js"
_BUILT: Final = re.compile(r"/([0-9a-f]{6,64}\.m?js)")


def file_of(name: str) -> str:
    """The SDK's file of a short name (`/s.js`, `/HASH.js`); empty where there is none."""
    if name == SCRIPT:
        return "netiv-short.js"
    match = _BUILT.fullmatch(name)
    return f"netiv.{match[1]}" if match else ""


def paths(alias: str, name: str) -> tuple[str, ...]:
    """The path of a short name; none without an alias."""
    return (alias + name,) if alias else ()


class ShortFiles:
    """The SDK's files below the alias."""

    def __init__(self, alias: str, files: SdkFiles) -> None:
        self._alias = alias
        self._files = files

    def serves(self, path: str) -> bool:
        """Whether a path is one of the files'."""
        return bool(self._alias) and bool(self._file(path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._files({**scope, "path": "/" + self._file(scope["path"])}, receive, send)

    def _file(self, path: str) -> str:
        return file_of(path.removeprefix(self._alias)) if path.startswith(self._alias + "/") else ""
