"""TLS, client certificates and SASL against a real broker that insists on them; and clear words when they are wrong."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from eventlog.contract import LogError, Record
from eventlog.kafka import ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig, config_of
from netiv.dev.broker import START_S, Broker, free_ports
from netiv.dev.jars import jars
from netiv.dev.properties import Node
from schemas.settings import Settings
from tests.kafka.certificates import Authority

pytestmark = pytest.mark.anyio
PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_netiv="geheim";'
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class Guarded(msgspec.Struct, frozen=True):
    """A broker with a port for client certificates and one for passwords, and the authority behind both."""

    authority: Authority
    tls: str
    sasl: str


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    place = tmp_path_factory.mktemp("guarded")
    authority = Authority(place / "authority")
    inner, control, tls, sasl = free_ports(4)
    node = Node(1, inner, control)
    changes = {
        "listeners": f"PLAINTEXT://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{control},SSL://127.0.0.1:{tls},"
        f"SASL_SSL://127.0.0.1:{sasl}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{inner},SSL://127.0.0.1:{tls},SASL_SSL://127.0.0.1:{sasl}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.issue("broker").both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": PLAIN,
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": SCRAM,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": SCRAM,
    }
    users = [
        each
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for each in ("--add-scram", f"{mechanism}=[name=netiv,password=geheim]")
    ]
    broker = Broker(node, place / "broker", jars())
    assert broker.format([node], changes, users).wait(START_S) == 0, broker.log_tail()
    broker.start()
    try:
        broker.wait(time.monotonic() + START_S)
        yield Guarded(authority, f"127.0.0.1:{tls}", f"127.0.0.1:{sasl}")
    finally:
        broker.kill()


def with_password(guarded: Guarded, mechanism: str, password: str = "geheim") -> KafkaConfig:
    """From the settings, as an operator gives them."""
    settings = Settings(
        kafka=guarded.sasl, kafka_topic=f"t-{mechanism}", kafka_partitions=2, kafka_security="SASL_SSL",
        kafka_ca_file=guarded.authority.file, kafka_sasl_mechanism=mechanism, kafka_user="netiv", kafka_password=password,
    )  # fmt: skip
    return config_of(settings)


def with_certificate(guarded: Guarded) -> KafkaConfig:
    pair = guarded.authority.issue("client")
    settings = Settings(
        kafka=guarded.tls, kafka_topic="t-tls", kafka_partitions=2, kafka_security="SSL",
        kafka_ca_file=guarded.authority.file, kafka_certificate_file=pair.certificate, kafka_key_file=pair.key,
    )  # fmt: skip
    return config_of(settings)


async def serves(config: KafkaConfig) -> None:
    """Topic, append, look, group, commit, retention: every kind of client that the log has."""
    await ensure_topic(config)
    log = await open_kafka_log(config)
    try:
        for n in range(10):
            await log.append([Record(f"k{n}".encode(), str(n).encode())])
        reader = await log.reader("g")
        try:
            found: list[bytes] = []
            turn, _ = await reader.assigned()
            async with asyncio.timeout(60):
                while len(found) < 10:
                    batch = await reader.read(100, 1 << 20, 0.5)
                    assert batch.assignment == turn
                    found += [one.value for one in batch.records]
            await reader.commit(await log.ends())
        finally:
            await reader.close()
        assert sorted(found) == [str(n).encode() for n in range(10)]
        assert await log.committed("g") == await log.ends()
        await log.mark("loaded", {0: 1})
        assert sum([len(await log.read_from(partition, 0, 100, 1 << 20)) for partition in range(2)]) == 10
        assert await log.retain(0.0, 0, ["g"]) == 10
    finally:
        await log.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_user_and_password_over_tls(guarded: Guarded, mechanism: str) -> None:
    await serves(with_password(guarded, mechanism))


async def test_a_client_certificate(guarded: Guarded) -> None:
    await serves(with_certificate(guarded))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_a_wrong_password_is_said(guarded: Guarded, mechanism: str) -> None:
    with pytest.raises(LogError) as caught:
        await open_kafka_log(with_password(guarded, mechanism, "falsch"))
    assert "NETIV_KAFKA_USER" in caught.value.hint
    assert "falsch" not in f"{caught.value} {caught.value.hint}"


async def test_a_broker_of_another_authority_is_refused(guarded: Guarded, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger", "stranger").file
    config = msgspec.structs.replace(with_password(guarded, "PLAIN"), ca_file=str(stranger))
    with pytest.raises(LogError) as caught:
        await open_kafka_log(config)
    assert "NETIV_KAFKA_CA_FILE" in caught.value.hint


async def test_no_client_certificate_where_one_is_required(guarded: Guarded) -> None:
    config = msgspec.structs.replace(with_certificate(guarded), certificate_file="", key_file="")
    with pytest.raises(LogError) as caught:
        await open_kafka_log(config)
    assert "NETIV_KAFKA_CERTIFICATE_FILE" in caught.value.hint


async def test_a_client_certificate_that_has_expired(guarded: Guarded) -> None:
    pair = guarded.authority.issue("expired client", -timedelta(hours=1))
    config = msgspec.structs.replace(
        with_certificate(guarded), certificate_file=str(pair.certificate), key_file=str(pair.key)
    )
    with pytest.raises(LogError) as caught:
        await open_kafka_log(config)
    assert "look at its dates" in caught.value.hint


async def test_a_certificate_of_the_broker_that_has_expired(guarded: Guarded) -> None:
    pair = guarded.authority.issue("expired broker", -timedelta(hours=1))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(LogError, match="expired") as caught:
            await open_kafka_log(
                msgspec.structs.replace(with_password(guarded, "PLAIN"), bootstrap=f"127.0.0.1:{port}")
            )
    assert "Renew" in caught.value.hint


async def test_the_first_broker_that_answers_says_why(guarded: Guarded) -> None:
    (nobody,) = free_ports(1)
    config = with_password(guarded, "PLAIN", "falsch")
    with pytest.raises(LogError) as caught:
        await open_kafka_log(msgspec.structs.replace(config, bootstrap=f"127.0.0.1:{nobody}, {config.bootstrap},"))
    assert "NETIV_KAFKA_USER" in caught.value.hint


async def test_files_that_are_no_certificates(guarded: Guarded, tmp_path: Path) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    config = msgspec.structs.replace(with_certificate(guarded), ca_file=str(tmp_path / "nonsense.pem"))
    with pytest.raises(LogError, match="certificates can't be used"):
        await open_kafka_log(config)
