"""One HTTP request in ClickHouse's manner → query, parameters, settings. Pure but for reading the body."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import lz4.frame
import msgspec
from clickhouse_connect.driver.compression import _zstd_decompressor

from consumers.warehouse.front_access import Caller, Refused
from consumers.warehouse.front_bodies import Body, Incoming
from schemas.requests import OF_PROXIES

_OPTIONS_MAX = 2000
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_DISPOSITION = re.compile(rb"^content-disposition:.*", re.IGNORECASE | re.MULTILINE)
_NAMED = re.compile(rb';\s*(name|filename\*?)=("[^"]*"|[^\s;"]*)', re.IGNORECASE)

_RESERVED = frozenset(
    {"query", "database", "default_format", "user", "password", "quota_key", "session_id", "session_timeout"}
    | {"session_check", "query_id", "compress", "decompress", "wait_end_of_query", "buffer_size", "stacktrace"}
    | {"client_protocol_version", "enable_http_compression", "role", "http_zlib_compression_level"}
    | {"send_progress_in_http_headers", "http_headers_progress_interval_ms", "add_http_cors_header"}
    | {"send_receive_timeout", "cancel_http_readonly_queries_on_client_close", "network_compression_method"}
    | {"output_format_http_headers", "http_write_exception_in_output_format", "close_session"}
)
# Each gives at most so many bytes: a small body may hold gigabytes.
_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": lambda body, size_max: zlib.decompressobj(47).decompress(body, size_max),
    "deflate": lambda body, size_max: zlib.decompressobj(47).decompress(body, size_max),
    "zstd": lambda body, size_max: bytes(_zstd_decompressor().decompress(body, size_max)),  # type: ignore[no-untyped-call]
    "lz4": lambda body, size_max: bytes(lz4.frame.LZ4FrameDecompressor().decompress(body, max_length=size_max)),
}


class FrontHead(msgspec.Struct, frozen=True):
    """What is known before the body."""

    method: str
    path: str
    caller: Caller
    headers: dict[str, str]
    options: dict[str, str]
    """Every URL parameter, and later every form parameter."""

    def flag(self, name: str) -> bool:
        """Whether an option is switched on."""
        return self.options.get(name, "0").lower() in {"1", "true"}


class FrontRequest(FrontHead, frozen=True):
    """What was asked."""

    body: bytes

    @property
    def query(self) -> str:
        """The text of the `query` parameter."""
        return self.options.get("query", "")

    @property
    def parameters(self) -> dict[str, str]:
        """Server-side parameters, under bare names, in the wire's escaping."""
        return {name.removeprefix("param_"): text for name, text in self.options.items() if name.startswith("param_")}

    @property
    def database(self) -> str:
        """The database that is asked, "" = none is named; the JDBC driver names it in a header."""
        return self.headers.get("x-clickhouse-database") or self.options.get("database", "")

    @property
    def settings(self) -> dict[str, str]:
        """Settings for this query."""
        return {n: v for n, v in self.options.items() if n not in _RESERVED and not n.startswith("param_")}

    def without(self, names: frozenset[str]) -> FrontRequest:
        """The same without these options."""
        options = {name: value for name, value in self.options.items() if name not in names}
        return msgspec.structs.replace(self, options=options)

    @property
    def default_format(self) -> str:
        """The format when the statement names none."""
        return self.options.get("default_format") or self.headers.get("x-clickhouse-format") or "TabSeparated"

    def text(self, size_max: int) -> str:
        """The statement: the parameter and the body, one after the other, as ClickHouse reads them."""
        if len(self.query) + len(self.body) > size_max:
            raise Refused(
                62, "SYNTAX_ERROR", f"Max query size exceeded: {size_max} bytes. Send long values as parameters."
            )
        try:
            body = self.body.decode()
        except UnicodeDecodeError as error:
            raise Refused(62, "SYNTAX_ERROR", "The query is not UTF-8.") from error
        return f"{self.query}\n{body}" if self.query and body else self.query or body


def read_head(scope: Mapping[str, Any]) -> FrontHead:
    """Headers and URL; raises `Refused` for what cannot be read."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query_string = scope["query_string"].decode("latin-1")
    try:
        options = dict(parse_qsl(query_string, keep_blank_values=True, max_num_fields=_OPTIONS_MAX))
    except ValueError as error:
        raise Refused(36, "BAD_ARGUMENTS", f"More than {_OPTIONS_MAX} URL parameters.") from error
    caller = _caller(scope, headers, options)
    return FrontHead(method=scope["method"], path=scope["path"], caller=caller, headers=headers, options=options)


async def read_request(head: FrontHead, incoming: Incoming, room: Body) -> FrontRequest:
    """Read it all; raises `Refused` for bodies that are too large or too slow or cannot be decoded."""
    length = head.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > room.size_max:
        raise Refused(307, "TOO_MANY_BYTES", f"The request body is larger than {room.size_max} bytes.")
    body = await room.read(incoming)
    encoding = head.headers.get("content-encoding", "").lower()
    if encoding and encoding != "identity":
        body = _decoded(encoding, body, room.size_max)
        room.hold(len(body) - room.size)
    options = head.options
    kind = head.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        # Who asks stands in the head, as with ClickHouse: nobody's body is read before that is known.
        options = options | {n: v for n, v in _form(kind, body).items() if n not in {"user", "password"}}
        body = b""
    if options.get("decompress", "0") not in {"0", "false"}:
        raise Refused(48, "NOT_IMPLEMENTED", "decompress=1 (native blocks) is not supported; use Content-Encoding.")
    return FrontRequest(
        method=head.method, path=head.path, caller=head.caller, headers=head.headers, options=options, body=body
    )


def _decoded(encoding: str, body: bytes, size_max: int) -> bytes:
    decoder = _DECODERS.get(encoding)
    if decoder is None:
        raise Refused(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method: {encoding}")
    try:
        plain = decoder(body, size_max + 1)
    except Exception as error:
        raise Refused(354, "ZLIB_INFLATE_FAILED", f"The body is not {encoding}: {error}") from error
    if len(plain) > size_max:
        raise Refused(307, "TOO_MANY_BYTES", f"The request body is larger than {size_max} bytes.")
    return plain


def _form(kind: str, body: bytes) -> dict[str, str]:
    """The fields of a form (RFC 7578), read by hand: a form of a few MiB keeps Python's e-mail parser busy for a minute."""
    found = _BOUNDARY.search(kind)
    if found is None:
        raise Refused(36, "BAD_ARGUMENTS", "The form names no boundary.")
    end = b"\r\n--" + (found.group(1) or found.group(2)).encode("latin-1")
    parts = (b"\r\n" + body).split(end, _OPTIONS_MAX + 2)
    if len(parts) > _OPTIONS_MAX + 2:
        raise Refused(36, "BAD_ARGUMENTS", f"More than {_OPTIONS_MAX} form fields.")
    fields: dict[str, str] = {}
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        head, _, value = part.partition(b"\r\n\r\n")
        disposition = _DISPOSITION.search(head)
        names = dict(_NAMED.findall(disposition.group())) if disposition else {}
        name = names.get(b"name", b"").strip(b'"').decode("utf-8", "replace")
        if b"filename" in names or b"filename*" in names:
            raise Refused(48, "NOT_IMPLEMENTED", f"External tables are not supported: {name}")
        if name:
            try:
                fields[name] = value.decode()
            except UnicodeDecodeError as error:
                raise Refused(36, "BAD_ARGUMENTS", f"The form field {name} is not UTF-8.") from error
    return fields


def _caller(scope: Mapping[str, Any], headers: Mapping[str, str], options: Mapping[str, str]) -> Caller:
    user, password = options.get("user", ""), options.get("password", "")
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        user, password = headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Refused(516, "AUTHENTICATION_FAILED", "Invalid HTTP Basic authentication.") from error
    address = scope["client"][0] if scope.get("client") else ""
    return Caller(
        user=user or "default",
        password=password,
        address=address,
        host=headers.get("host", ""),
        origin=headers.get("origin", ""),
        site=headers.get("sec-fetch-site", ""),
        passed_on=not OF_PROXIES.isdisjoint(headers),
    )
