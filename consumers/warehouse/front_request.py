"""One HTTP request in ClickHouse's manner → query, parameters, settings. Pure but for reading the body."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import lz4.frame
import msgspec
from clickhouse_connect.driver.compression import _zstd_decompressor

from consumers.warehouse.front_access import Caller, Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

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


class FrontRequest(msgspec.Struct, frozen=True):
    """What was asked."""

    method: str
    path: str
    caller: Caller
    headers: dict[str, str]
    options: dict[str, str]
    """Every URL and form parameter."""
    query: str
    """The text of the `query` parameter."""
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        """Server-side parameters, under bare names, in the wire's escaping."""
        return {name.removeprefix("param_"): text for name, text in self.options.items() if name.startswith("param_")}

    @property
    def settings(self) -> dict[str, str]:
        """Settings for this query."""
        return {n: v for n, v in self.options.items() if n not in _RESERVED and not n.startswith("param_")}

    @property
    def default_format(self) -> str:
        """The format when the statement names none."""
        return self.options.get("default_format") or self.headers.get("x-clickhouse-format") or "TabSeparated"

    def flag(self, name: str) -> bool:
        """Whether an option is switched on."""
        return self.options.get(name, "0").lower() in {"1", "true"}

    def text(self) -> str:
        """The statement: the parameter and the body, one after the other, as ClickHouse reads them."""
        try:
            body = self.body.decode()
        except UnicodeDecodeError as error:
            raise Refused(62, "SYNTAX_ERROR", "The query is not UTF-8.") from error
        return f"{self.query}\n{body}" if self.query and body else self.query or body


async def read_request(scope: Mapping[str, Any], receive: Receive, body_bytes_max: int) -> FrontRequest:
    """Read it all; raises `Refused` for bodies that are too large or cannot be decoded."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    body = await _body(receive, body_bytes_max)
    options = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=2000))
    encoding = headers.get("content-encoding", "").lower()
    if encoding and encoding != "identity":
        body = _decoded(encoding, body, body_bytes_max)
    kind = headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        options |= _form(kind, body)
        body = b""
    if "decompress" in options and options["decompress"] not in {"0", "false"}:
        raise Refused(48, "NOT_IMPLEMENTED", "decompress=1 (native blocks) is not supported; use Content-Encoding.")
    return FrontRequest(
        method=scope["method"],
        path=scope["path"],
        caller=_caller(scope, headers, options),
        headers=headers,
        options=options,
        query=options.get("query", ""),
        body=body,
    )


async def _body(receive: Receive, size_max: int) -> bytes:
    chunks = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        chunks += message.get("body", b"")
        if len(chunks) > size_max:
            raise Refused(307, "TOO_MANY_BYTES", f"The request body is larger than {size_max} bytes.")
        more = message.get("more_body", False)
    return bytes(chunks)


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
    document = message_from_bytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body, policy=HTTP)
    fields: dict[str, str] = {}
    for part in document.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise Refused(48, "NOT_IMPLEMENTED", f"External tables are not supported: {name}")
        if name:
            fields[str(name)] = bytes(part.get_payload(decode=True)).decode()
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
    )
