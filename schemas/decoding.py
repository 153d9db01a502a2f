"""What can go wrong when bytes that somebody sent are decoded as JSON. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

# No JSON or of the wrong shape; text that is no UTF-8, which the decoder does not always call its own error; nested too deep.
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
