"""Questions to the warehouse over the ClickHouse HTTP interface: SQL with parameters in, columns and rows out.

Works with the embedded engine's port and with any server; sets no settings, because a read-only user may not.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from consumers.warehouse.contract import UNKNOWN_DATABASE, UNKNOWN_TABLE
from netiv.errors import CommandError
from netiv.http import Answer, Client
from schemas.address import address_of

if TYPE_CHECKING:
    from schemas.settings import Settings

AUTHENTICATION = (192, 193, 194, 516)
# ClickHouse reads the text of a parameter as a cell of TabSeparated.
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Refused(CommandError):
    """The warehouse does not take this query."""


class Result(msgspec.Struct, frozen=True):
    """Column names and rows."""

    columns: list[str]
    rows: list[list[Any]]


class ClickHouse:
    """One database of one server."""

    def __init__(self, url: str, database: str = "netiv", user: str = "", password: str = "") -> None:
        try:
            address = address_of(url, user, password)
        except ValueError as error:
            raise CommandError(str(error), "Correct NETIV_CLICKHOUSE, or --clickhouse-url.", code=2) from None
        self.url = address.url
        self._client = Client(self.url, timeout_s=120)
        self._database = database
        self._headers = address.authorization

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Result:
        """Run one SELECT with `{name:Type}` parameters."""
        values = {f"param_{name}": str(value).translate(_ESCAPED) for name, value in (parameters or {}).items()}
        path = "/?" + urlencode({"database": self._database, "default_format": "JSONCompact", **values})
        try:
            answer = self._client.request("POST", path, sql.encode(), self._headers)
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(
                f"The warehouse does not answer at {self.url} ({error}).",
                "Start it with `netiv up`, or say where it is: NETIV_CLICKHOUSE_PORT, or NETIV_CLICKHOUSE for a server.",
            ) from None
        code = answer.headers.get("x-clickhouse-exception-code", "")
        if answer.status != 200 or code:
            raise _refusal(answer, int(code) if code.isdigit() else 0)
        document = answer.json()
        return Result([column["name"] for column in document["meta"]], document["data"])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _refusal(answer: Answer, code: int) -> CommandError:
    text = answer.body.decode("utf-8", "replace").strip().splitlines()
    first = text[0][:300] if text else f"status {answer.status}"
    if code in {UNKNOWN_TABLE, UNKNOWN_DATABASE}:
        return CommandError(
            f"The warehouse has no such table yet: {first}", "Run `netiv migrate`, or wait until `netiv up` is ready."
        )
    if code in AUTHENTICATION or answer.status in {401, 403}:
        return CommandError(
            "The warehouse refuses this user.", "Set NETIV_CLICKHOUSE_USER and NETIV_CLICKHOUSE_PASSWORD."
        )
    return Refused(f"The warehouse refused the query: {first}", "Run `netiv doctor`.")


def of(settings: Settings, url: str | None = None) -> ClickHouse:
    """The warehouse of these settings; `url` overrides where it is."""
    return ClickHouse(
        url or settings.warehouse_url, settings.database, settings.clickhouse_user, settings.clickhouse_password
    )


def report_sql(name: str) -> str:
    """The SQL of a report."""
    return resources.files("consumers.reports").joinpath(f"{name}.sql").read_text(encoding="utf-8")
