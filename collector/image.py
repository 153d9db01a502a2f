"""What a pixel answers: one transparent dot, never kept. Pure."""

from __future__ import annotations

from typing import Final

GIF: Final = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
GIF_TYPE: Final = (b"content-type", b"image/gif")
NO_STORE: Final = (b"cache-control", b"no-store, no-cache, must-revalidate, private")
