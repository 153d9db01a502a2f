"""The rights that docs/kafka.md names are enough, and no more are needed: against a broker that grants nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka.protocol.admin import CreateAclsRequest

from eventlog.contract import LogError
from eventlog.kafka import ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from netiv.dev.broker import START_S, Broker, free_ports
from netiv.dev.jars import jars
from netiv.dev.properties import Node
from tests.kafka.administering import administering
from tests.kafka.test_security import PLAIN, serves

pytestmark = pytest.mark.anyio
TOPIC, GROUP, CLUSTER = 2, 3, 4
READ, WRITE, DELETE, DESCRIBE, IDEMPOTENT_WRITE = 3, 4, 6, 8, 12
LITERAL, PREFIXED, ALLOW = 3, 4, 3
# Of collectors and of consumers, as docs/kafka.md has them.
RIGHTS = [
    (TOPIC, "events", LITERAL, WRITE), (TOPIC, "events", LITERAL, DESCRIBE), (CLUSTER, "kafka-cluster", LITERAL, IDEMPOTENT_WRITE),
    (TOPIC, "events", LITERAL, READ), (TOPIC, "events", LITERAL, DELETE), (GROUP, "events.", PREFIXED, READ),
]  # fmt: skip


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[KafkaConfig]:
    """Who may do everything, on a broker of his own."""
    inner, control, outer = free_ports(3)
    changes = {
        "listeners": f"PLAINTEXT://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{control},SASL_PLAINTEXT://127.0.0.1:{outer}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{inner},SASL_PLAINTEXT://127.0.0.1:{outer}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": PLAIN,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    broker = Broker(Node(1, inner, control), tmp_path / "broker", jars())
    assert broker.format([Node(1, inner, control)], changes).wait(START_S) == 0, broker.log_tail()
    broker.start()
    try:
        broker.wait(time.monotonic() + START_S)
        yield KafkaConfig(f"127.0.0.1:{inner}", "events", 2, user=f"127.0.0.1:{outer}")  # where others come in
    finally:
        broker.kill()


def guest(owner: KafkaConfig) -> KafkaConfig:
    """A user with the rights that he was given."""
    return msgspec.structs.replace(
        owner, bootstrap=owner.user, security="SASL_PLAINTEXT", user="netiv", password="geheim"
    )


async def grant(owner: KafkaConfig) -> None:
    async with administering(bootstrap_servers=owner.bootstrap) as admin:
        for kind, name, pattern, operation in RIGHTS:
            asked = CreateAclsRequest(kind, name, pattern, "User:netiv", "*", operation, ALLOW)
            answer = await admin._client.send(admin._client.get_random_node(), asked)
            assert [code for code, _ in answer.creation_responses] == [0]


async def test_the_rights_in_the_manual_are_enough(owner: KafkaConfig) -> None:
    await grant(owner)
    with pytest.raises(LogError) as caught:
        await ensure_topic(guest(owner))
    assert "Create" in caught.value.hint
    with pytest.raises(LogError, match="no topic events"):
        await open_kafka_log(guest(owner))
    assert await ensure_topic(owner)
    assert not await ensure_topic(guest(owner)), "it is there: a consumer that starts needs no right to make it"
    await serves(guest(owner))
