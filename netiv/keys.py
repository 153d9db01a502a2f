"""New keys: a prefix that says what the key is, and 32 random characters (about 190 bits)."""

from __future__ import annotations

import secrets
import string

from netiv.errors import CommandError

_ALPHABET = string.ascii_letters + string.digits
_RANDOM_CHARS = 32
_KEY_CHARS_MIN = 4


def write_key() -> str:
    """A public key, for browsers."""
    return "wk_" + _random()


def secret_key() -> str:
    """A secret key, for servers."""
    return "sk_" + _random()


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))


def check(key: str, option: str) -> str:
    """A key that a user chose: long enough, and safe in a header and a query string."""
    if len(key) < _KEY_CHARS_MIN or len(key) > 256 or not key.isascii() or not key.isprintable() or " " in key:
        raise CommandError(
            f"{option}: a key has 4 to 256 printable ASCII characters without spaces.",
            "Leave the option out to have one made.",
            code=2,
        )
    return key
