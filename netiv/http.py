"""A small HTTP client over the standard library: keep-alive, JSON, `Retry-After`, errors that say what to do.

One client serves one thread. It knows nothing of events; `netiv.demo.sender` and the checks use it.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from netiv.errors import CommandError

_RETRIES = 8
_BUSY = frozenset({429, 503})


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.MsgspecError:
            raise CommandError(
                f"The answer is not JSON: {self.body[:120]!r}", "Is this the address of a Netiv collector?"
            ) from None


class Client:
    """Keep-alive requests to one server."""

    def __init__(self, url: str, timeout_s: float = 15.0, sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CommandError(f"{url!r} is not an HTTP address.", "Write http://host:port.", code=2)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._sleep = sleep
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request. Raises OSError or http.client.HTTPException when there is no answer."""
        try:
            return self._once(method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, http.client.CannotSendRequest):
            self._connection.close()  # an idle keep-alive connection that the server closed
            return self._once(method, path, body, headers)

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None) -> Answer:
        try:
            self._connection.request(method, self._prefix + path, body=body, headers=dict(headers or {}))
            response = self._connection.getresponse()
            content = response.read()
        except BaseException:
            self._connection.close()
            raise
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def patient(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, sent again while the server is busy or away; for requests that may be repeated."""
        for attempt in range(_RETRIES):
            last = attempt == _RETRIES - 1
            try:
                answer = self.request(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                if last:
                    raise self.unreachable(error) from None
                self._sleep(min(0.1 * 2**attempt, 3.0))
                continue
            if answer.status not in _BUSY or last:
                return answer
            self._sleep(_retry_after(answer))
        raise AssertionError("unreachable")

    def unreachable(self, error: Exception) -> CommandError:
        """What to tell a user when nobody answers."""
        return CommandError(
            f"Nothing answers at {self.url} ({error}).",
            "Start the stack with `netiv up`, or give its address with --url.",
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "1")
    return min(float(text), 10.0) if text.replace(".", "", 1).isdigit() else 1.0
