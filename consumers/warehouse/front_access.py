"""Who may ask the embedded engine from outside, how much at once, and which refusals they get."""

from __future__ import annotations

import hmac

import msgspec

from schemas.requests import is_loopback

_OWN_SITES = frozenset({"", "none", "same-origin"})


class FrontAccess(msgspec.Struct, frozen=True):
    """Settings of the front. Without a user and a password, only this machine may ask (as `default`, without a password)."""

    user: str = ""
    password: str = ""
    writable: bool = False
    """For owners' tools and tests: statements run unchecked, as the owner."""
    queries_max: int = 4
    """Queries that run at once; each has its own thread and session with the engine."""
    waiting_max: int = 100
    sessions_max: int = 32
    """Sessions that hold settings or temporary tables; others cost a few hundred bytes."""
    session_ids_max: int = 10_000
    temporary_bytes_max: int = 256 * 1024**2
    """Of the temporary tables of all sessions together."""
    body_bytes_max: int = 16 * 1024**2
    """Of one request: a statement has 1 MiB at most, the rest is for parameters (and an owner's rows)."""
    held_bytes_max: int = 64 * 1024**2
    """Of all requests together."""
    body_timeout_s: float = 30.0
    """A body that takes longer is refused."""
    stall_s: float = 30.0
    """A client that takes nothing for so long loses its query."""


class Refused(Exception):
    """An answer that is an error: ClickHouse's code, its name, and the text."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.name = name
        self.text = text


class Caller(msgspec.Struct, frozen=True):
    """Who asks, as they say, and from where."""

    user: str
    password: str
    address: str
    host: str
    """The Host header: a name other than localhost is a web page's, rebound to this machine."""
    origin: str = ""
    """The Origin header: the web page that asks, where a browser tells."""
    site: str = ""
    """The Sec-Fetch-Site header: where a browser says that the page comes from."""
    passed_on: bool = False
    """Whether a proxy says that it asks for somebody else."""


def admit(caller: Caller, access: FrontAccess) -> None:
    """Return, or raise `Refused` 516. Comparison takes the same time for every wrong password."""
    # Without a password a user is nobody: who knows the name would be in from everywhere.
    named = bool(access.user) and bool(access.password) and caller.user == access.user
    given = hmac.compare_digest(caller.password.encode(), access.password.encode())
    if named and given:
        return
    # No password is asked of `default`, and any is taken, as ClickHouse does: its JDBC driver sends "null" where none is set.
    ours = caller.user == "default" and (not caller.password or access.user != "default")
    if ours and is_local(caller):
        return
    text = f"{caller.user}: Authentication failed: password is incorrect, or there is no user with such name."
    if not access.user:
        text += " Without `netiv up --clickhouse-user` only this machine may ask, as user default."
    raise Refused(516, "AUTHENTICATION_FAILED", text)


def is_local(caller: Caller) -> bool:
    """Whether the caller is on this machine, named it as such, and is neither a proxy here nor a page in a browser here."""
    here = is_loopback(caller.address) and (not caller.host or is_loopback(_name(caller.host))) and not caller.passed_on
    return here and caller.site in _OWN_SITES and (not caller.origin or _is_own(caller.origin, caller.host))


def _is_own(origin: str, host: str) -> bool:
    return bool(host) and origin.lower() in {f"http://{host.lower()}", f"https://{host.lower()}"}


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
