"""The ingest endpoints in the OpenAPI document: they stand in front of FastAPI, which can't see them. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from collector.answers import REQUEST_CODES
from collector.pixel_event import PARAMETERS
from schemas.costs import Cost
from schemas.event import Event
from schemas.rejection import CODES


class RejectedEvent(msgspec.Struct, frozen=True):
    """One refused event of a request."""

    index: int
    code: str
    pointer: str
    message: str
    hint: str


class Receipt(msgspec.Struct, frozen=True):
    """The answer to accepted events."""

    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]
    receipt: str


class BatchOfEvents(msgspec.Struct, frozen=True):
    """Up to 1,000 events."""

    events: list[Event]
    sent_at: str | int | float | None = None
    write_key: str | None = None


class ErrorDetail(msgspec.Struct, frozen=True):
    """What is wrong, and how to mend it."""

    code: str
    message: str
    hint: str


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Every answer that is no success."""

    error: ErrorDetail


class BatchOfCosts(msgspec.Struct, frozen=True):
    """Whole days of accounts: what is said of one takes the place of what was said before."""

    costs: list[Cost]


class CostsReceipt(msgspec.Struct, frozen=True):
    """The answer to costs: rows, and days of accounts."""

    accepted: int
    days: int
    receipt: str


_POST_CODES: Final = (400, 401, 403, 413, 415, 503)


def ingest_paths(schema: dict[str, Any], prefix: str) -> None:
    """Adds the raw endpoints and their schemas to a document."""
    types = (Event, BatchOfEvents, Receipt, ErrorAnswer, BatchOfCosts, CostsReceipt)
    (event, batch, receipt, error, costs, costs_receipt), components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    target = schema.setdefault("components", {})
    target.setdefault("schemas", {}).update(components)
    target["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    errors = {
        str(status): {"description": _codes_of(status), "content": {"application/json": {"schema": error}}}
        for status in _POST_CODES
    }
    schema["paths"][prefix + "/v1/events"] = {
        "post": {
            "tags": ["ingest"],
            "summary": "Send one event or a batch",
            "security": [{"key": []}, {}],
            "parameters": [_parameter("write_key", "The key, where a header can't be sent.")],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"anyOf": [event, batch]}}},
            },
            "responses": {
                "202": {
                    "description": "Durable; a verdict on each event",
                    "content": {"application/json": {"schema": receipt}},
                },
                **errors,
            },
        }
    }
    schema["paths"][prefix + "/v1/costs"] = {
        "post": {
            "tags": ["ingest"],
            "summary": "Say what advertising cost (secret key)",
            "security": [{"key": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": costs}}},
            "responses": {
                "202": {"description": "Durable", "content": {"application/json": {"schema": costs_receipt}}},
                **errors,
            },
        }
    }
    schema["paths"][prefix + "/p.gif"] = {
        "get": {
            "tags": ["ingest"],
            "summary": "An event as an image",
            "parameters": [_parameter(name, ".".join(path)) for name, path in PARAMETERS.items()],
            "responses": {"200": {"description": "43 bytes, never cached", "content": {"image/gif": {}}}},
        }
    }
    for name in ("netiv.js", "netiv.mjs"):
        schema["paths"][f"{prefix}/{name}"] = {
            "get": {
                "tags": ["sdk"],
                "summary": "The browser SDK",
                "responses": {"200": {"description": "JavaScript", "content": {"text/javascript": {}}}},
            }
        }


def _parameter(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": {"type": "string"}}


def _codes_of(status: int) -> str:
    codes = [code for code, (its, _, _) in REQUEST_CODES.items() if its == status]
    return "Codes: " + ", ".join([*codes, *(CODES if status == 400 else ())])
