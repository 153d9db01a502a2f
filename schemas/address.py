"""Where a ClickHouse server answers, as `NETIV_CLICKHOUSE` says it: one reading for all who ask it."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

import msgspec

_PORTS = {"http": 8123, "https": 8443}


class Address(msgspec.Struct, frozen=True):
    """The parts of `http(s)://[user[:password]@]host[:port][/path]`; what is %-encoded is decoded."""

    secure: bool
    host: str
    port: int
    path: str = ""
    """Of a proxy in front of it: "" or "/…", without a slash at its end."""
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        """Without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.path}"

    @property
    def authorization(self) -> dict[str, str]:
        """The header that says who asks; none without a user."""
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {token}"} if self.user else {}


def address_of(url: str, user: str = "", password: str = "") -> Address:
    """What the URL says; `user` and `password` are for what it does not name. Raises `ValueError`."""
    wrong = "NETIV_CLICKHOUSE must look like http://host:8123 or https://user:password@host:8443/path"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"{wrong}, and its port is a number up to 65535") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        # The URL may hold a password, so it is not repeated. One with / ? or # in it ends the host too early.
        raise ValueError(f"{wrong}; in a password write %2F for /, %3F for ?, %23 for #, %40 for @, %25 for %")
    return Address(
        secure=parts.scheme == "https",
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
        user=unquote(parts.username or "") or user,
        password=unquote(parts.password or "") or password,
    )
