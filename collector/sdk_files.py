"""Serves the browser SDK: plain names for an hour, hashed names for ever. Knows only a folder of built files."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from collector.answers import Answer, error_answer
from collector.wire import respond
from schemas.requests import encodings_offered

# `netiv.js`, its on-demand parts (`netiv-auto.js`), hashed names, source maps.
_NAME: Final = re.compile(r"(netiv(?:-[a-z]{1,20})?)(?:\.([0-9a-f]{6,64}))?\.(js|mjs)(\.map)?")
_PLAIN: Final = b"public, max-age=3600"
_HASHED: Final = b"public, max-age=31536000, immutable"
HASH_CHARS: Final = 16


class Built(msgspec.Struct, frozen=True):
    """One file as it stood on disk."""

    stamp: tuple[int, int]
    content: bytes
    packed: bytes  # gzip: what the sizes in the documentation are
    digest: str


def folder_of(package: Path, repository: Path) -> Path:
    """Where the build is: inside the installed package, else in the repository."""
    packaged = package / "sdk"
    return packaged if (packaged / "netiv.js").exists() else repository / "sdk_js" / "dist"


class SdkFiles:
    """`/netiv.js`, `/netiv.mjs`, `/netiv.<hash>.js`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[str, Built] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        if scope["method"] not in ("GET", "HEAD"):
            await respond(send, error_answer("method_not_allowed", headers=((b"allow", b"GET, HEAD"),)))
            return
        headers = dict(scope["headers"])
        known, accepted = headers.get(b"if-none-match", b""), headers.get(b"accept-encoding", b"").decode("latin-1")
        packed = "gzip" in encodings_offered(accepted)
        await respond(send, self.answer(scope["path"].rpartition("/")[2], known, packed=packed))

    def answer(self, name: str, known: bytes, *, packed: bool = False) -> Answer:
        """The answer for a file's name and the client's `If-None-Match`; `packed` for one that takes gzip."""
        match = _NAME.fullmatch(name)
        if match is None:
            return error_answer("not_found")
        stem, digest, extension, source_map = match.groups()
        built = self._read(name) if source_map else self._read(f"{stem}.{extension}")
        if built is None:
            missing = self._read("netiv.js") is None
            return error_answer("sdk_not_built" if missing and not source_map else "not_found")
        if digest and not source_map and not built.digest.startswith(digest):
            older = self._read(name)  # a build may keep its own hashed copies, older ones too
            if older is None:
                return error_answer("not_found")
            built = older
        etag = f'"{built.digest[:HASH_CHARS]}{"-gzip" if packed else ""}"'.encode()
        headers = (
            (b"content-type", b"application/json" if source_map else b"text/javascript; charset=utf-8"),
            (b"cache-control", _HASHED if digest else _PLAIN),
            (b"etag", etag),
            (b"vary", b"Accept-Encoding"),
            (b"x-content-type-options", b"nosniff"),
            (b"access-control-allow-origin", b"*"),
            (b"cross-origin-resource-policy", b"cross-origin"),
        )
        if etag in known:
            return Answer(304, b"", headers)
        if packed:
            return Answer(200, built.packed, (*headers, (b"content-encoding", b"gzip")))
        return Answer(200, built.content, headers)

    def _read(self, name: str) -> Built | None:
        path = self._folder / name
        try:
            stat = path.stat()
        except OSError:
            return None
        stamp = (stat.st_mtime_ns, stat.st_size)
        built = self._built.get(name)
        if built is None or built.stamp != stamp:
            content = path.read_bytes()
            packed = gzip.compress(content, mtime=0)
            built = self._built[name] = Built(stamp, content, packed, hashlib.sha256(content).hexdigest())
        return built
