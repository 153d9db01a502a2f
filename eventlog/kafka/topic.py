"""The topic: made once, with settings that lose nothing; found at every start, with its id and its partitions."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Final

import msgspec
import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from eventlog.contract import LogChanged, LogError
from eventlog.kafka.config import PATIENCE_S, REQUEST_S, TOPIC_BATCH_BYTES_MAX, KafkaConfig
from eventlog.kafka.diagnosis import reaching
from eventlog.kafka.faults import patiently
from eventlog.kafka.metadata import TopicMetadata

UNKNOWN_TOPIC: Final = 3
POLICY: Final = "cleanup.policy"
LOOKS: Final = 20
LOOK_AGAIN_S: Final = 0.1


class Topic(msgspec.Struct, frozen=True):
    """A topic as found."""

    name: str
    generation: int
    partitions: int


def topic_settings(config: KafkaConfig) -> dict[str, str]:
    """No retention by time: only what every consumer has derived goes (`retain`). Size is the last resort."""
    return {
        POLICY: "delete",
        "retention.ms": "-1",
        "retention.bytes": str(max(1, config.bytes_max // config.partitions)),
        "max.message.bytes": str(TOPIC_BATCH_BYTES_MAX),
        "message.timestamp.type": "CreateTime",
        "compression.type": "producer",
    }


async def ensure_topic(config: KafkaConfig) -> bool:
    """Make the topic when it isn't there; whether it was made. An existing one is left as it is; what makes it lose events is
    said. Raises `LogError`."""
    admin = AIOKafkaAdminClient(**config.client())
    try:
        async with reaching(config, REQUEST_S * 2):
            await admin.start()
            # The client wants assignments (empty ones do) when the number of copies is left to the brokers.
            assignments: dict[int, list[int]] | None = {} if config.replication < 0 else None
            wanted = NewTopic(config.topic, config.partitions, config.replication, assignments, topic_settings(config))
            answer = await admin.create_topics([wanted])
            if answer.topic_errors[0][1] == TopicAlreadyExistsError.errno:
                await _tell_compaction(admin, config.topic)
    finally:
        await admin.close()
    code, message = answer.topic_errors[0][1], str(answer.topic_errors[0][-1] or "")
    error = for_code(code)
    if error is TopicAuthorizationFailedError:  # whoever may not make topics is not even told that there is one
        if await _is_there(config):
            return False
        raise LogError(
            f"The topic {config.topic} may not be made by this user", "Give it Create, or make it as another."
        )
    if code and error is not TopicAlreadyExistsError:
        raise LogError(f"The topic {config.topic} can't be made: {error.__name__} {message}", "Check the brokers.")
    return not code


async def _tell_compaction(admin: AIOKafkaAdminClient, name: str) -> None:
    """It keeps a visitor's last event alone, whoever has read the others. Who may not look at settings is told nothing."""
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name, {POLICY: None})])
    values = {setting: value for _, _, _, _, entries in answer.resources for setting, value, *_ in entries}
    if "compact" in values.get(POLICY, ""):
        hint = f"Set {POLICY}=delete: brokers delete all of a visitor's events but the last."
        structlog.get_logger("netiv.log").error("topic_loses_events", topic=name, settings=values, hint=hint)


async def find_topic(client: AIOKafkaClient, name: str) -> Topic:
    """The topic's partitions, and a generation made from its id. Raises `LogError` when it isn't there."""
    found = await _look(client, name, REQUEST_S)
    for _ in range(LOOKS):  # one made a moment ago is not known to every broker yet
        if found is not None:
            break
        await asyncio.sleep(LOOK_AGAIN_S)
        found = await _look(client, name, REQUEST_S)
    if found is None:
        raise LogError(f"There is no topic {name}", "Make it: `netiv migrate`.")
    return found


async def require_same(client: AIOKafkaClient, topic: Topic, patience_s: float = PATIENCE_S) -> None:
    """Raises `LogChanged` when the topic is another by now, or has other partitions.

    The client goes by the topic's name, so offsets of the one before would be taken for offsets of this one."""
    found = await _look(client, topic.name, patience_s)
    if found is None:
        raise LogChanged(f"The topic {topic.name} is gone", "Make it: `netiv migrate`.")
    if found.generation != topic.generation:
        raise LogChanged(f"The topic {topic.name} was made anew")
    if found.partitions != topic.partitions:
        raise LogChanged(f"The topic {topic.name} has {found.partitions} partitions now, not {topic.partitions}")


async def _is_there(config: KafkaConfig) -> bool:
    client = AIOKafkaClient(**config.client())
    try:
        async with reaching(config, REQUEST_S):
            await client.bootstrap()
        return await _look(client, config.topic, REQUEST_S) is not None
    finally:
        await client.close()


async def _look(client: AIOKafkaClient, name: str, patience_s: float) -> Topic | None:
    async def ask() -> Any:
        answer = await client.send(client.get_random_node(), TopicMetadata(name))
        code, _, identity, _, partitions, *_ = answer.topics[0]
        if code and code != UNKNOWN_TOPIC:
            raise for_code(code)
        return None if code else Topic(name, zlib.crc32(identity.bytes) or 1, len(partitions))

    return await patiently(ask, patience_s)
