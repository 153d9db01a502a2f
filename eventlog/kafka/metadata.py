"""Kafka's Metadata request, version 10: the first that tells a topic's id, which changes when a topic is made anew.

The client library stops at version 5, so the structure is spelled out here, from the protocol's published schema.
"""

from __future__ import annotations

import uuid
from io import BytesIO
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)


class Uuid(AbstractType[uuid.UUID]):  # type: ignore[misc]
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        """To the wire."""
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> uuid.UUID:
        """From the wire."""
        return uuid.UUID(bytes=data.read(16))


_PARTITION = (
    ("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)), ("isr", CompactArray(Int32)), ("offline_replicas", CompactArray(Int32)),
    ("tags", TaggedFields),
)  # fmt: skip
_TOPIC = (
    ("error_code", Int16), ("topic", CompactString("utf-8")), ("topic_id", Uuid), ("is_internal", Boolean),
    ("partitions", CompactArray(*_PARTITION)), ("authorized_operations", Int32), ("tags", TaggedFields),
)  # fmt: skip
_BROKER = (
    ("node_id", Int32), ("host", CompactString("utf-8")), ("port", Int32), ("rack", CompactString("utf-8")),
    ("tags", TaggedFields),
)  # fmt: skip


class MetadataAnswer(Response):  # type: ignore[misc]
    """Version 10."""

    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class MetadataQuestion(RequestStruct):  # type: ignore[misc]
    """Version 10."""

    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = MetadataAnswer
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicMetadata(Request[MetadataQuestion]):  # type: ignore[misc]
    """What the brokers know of one topic."""

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[MetadataQuestion]) -> MetadataQuestion:
        """As the client library asks for it."""
        nobody: dict[int, Any] = {}
        return request_struct_class([(uuid.UUID(int=0), self._topic, nobody)], False, False, False, nobody)
