"""The settings documents without which Segment's and RudderStack's browser libraries send nothing. Pure."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from collector.answers import Answer
from collector.credentials import key_in_header
from collector.dialects import answers
from collector.dialects.contract import Request
from collector.dialects.values import pairs

_PROJECTS: Final = "/v1/projects/"
_KEY_CHARS_MAX: Final = 512


def stub(request: Request) -> Answer | None:
    """The document of a GET; None for what is no settings path."""
    if request.method != "GET":
        return None
    if request.path.startswith(_PROJECTS) and request.path.endswith("/settings"):
        key = unquote(request.path[len(_PROJECTS) : -len("/settings")])[:_KEY_CHARS_MAX]
        return answers.json(segment_settings(key))
    if request.path.rstrip("/") == "/sourceConfig":
        key = pairs(request.query).get("writeKey", "")
        if not key:
            key = key_in_header(request.headers.get(b"authorization", b"")) or ""
        return answers.json(rudder_settings(key[:_KEY_CHARS_MAX]))
    return None


def segment_settings(key: str) -> dict[str, Any]:
    """What analytics.js waits for. Only the library's own integration, no metrics, no plugins."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
            }
        },
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "remotePlugins": [],
    }


def rudder_settings(key: str) -> dict[str, Any]:
    """What RudderStack's browser library waits for: an enabled source without destinations."""
    return {
        "source": {
            "id": "netiv",
            "name": "netiv",
            "writeKey": key,
            "enabled": True,
            "workspaceId": "netiv",
            "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
            "dataplanes": {},
            "destinations": [],
        },
        "updatedAt": "2026-01-01T00:00:00.000Z",
    }
