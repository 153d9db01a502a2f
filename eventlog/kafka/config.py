"""What every Kafka client of the log is given, and the limits of the log. Reads settings, knows no client."""

from __future__ import annotations

import re
import ssl
from typing import Any, Final

import msgspec

from eventlog.contract import LogError
from schemas.settings import Settings

# A record over this is refused before anything is sent; the topic takes batches of twice as much.
RECORD_BYTES_MAX: Final = 4 * 1024**2
TOPIC_BATCH_BYTES_MAX: Final = 2 * RECORD_BYTES_MAX
# Uncompressed bytes of one produce batch: larger ones gain nothing, and one is built per partition.
BATCH_BYTES: Final = 512 * 1024
# Bytes of appends that may wait for the brokers before an append is turned away.
WAITING_BYTES_MAX: Final = 64 * 1024**2
REQUEST_S: Final = 10.0
# How long a commit, a mark or a look-up goes on trying while brokers change places.
PATIENCE_S: Final = 60.0
METADATA_AGE_S: Final = 30.0
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/@\[\]]+)(:[0-9]{1,5})?")


class KafkaConfig(msgspec.Struct, frozen=True):
    """Where the topic is and how to get there."""

    bootstrap: str
    topic: str = "netiv.events"
    partitions: int = 12
    replication: int = -1
    bytes_max: int = 20 * 1024**3
    compression: str = "zstd"  # the client compresses lz4 at its slowest level, five times the time for a larger result
    append_timeout_s: float = 15.0
    session_timeout_s: float = 10.0
    rebalance_timeout_s: float = 30.0
    security: str = "PLAINTEXT"
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    sasl_mechanism: str = "PLAIN"
    user: str = ""
    password: str = ""

    def group(self, name: str) -> str:
        """The consumer group of this name: of this topic, so that several installations may share brokers."""
        return f"{self.topic}.{name}"

    def client(self) -> dict[str, Any]:
        """The arguments that all clients share. Raises `LogError` for no addresses, and for files that are no certificates."""
        return {
            "bootstrap_servers": self.addresses(),
            "client_id": "netiv",
            "request_timeout_ms": int(REQUEST_S * 1000),
            "metadata_max_age_ms": int(METADATA_AGE_S * 1000),
            "security_protocol": self.security,
            "ssl_context": self._tls(),
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.user or None,
            "sasl_plain_password": self.password or None,
        }

    def addresses(self) -> list[str]:
        """Each broker's host:port, or host alone. Raises `LogError`."""
        found = [one.strip() for one in self.bootstrap.split(",") if one.strip()]
        for one in found:
            if not _ADDRESS.fullmatch(one):
                raise LogError(f"NETIV_KAFKA: {one!r} is no address of a broker", "Write host:port,host:port.")
        if not found:
            raise LogError("NETIV_KAFKA names no broker", "Write host:port,host:port.")
        return found

    def _tls(self) -> ssl.SSLContext | None:
        if not self.security.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            if self.certificate_file:
                context.load_cert_chain(self.certificate_file, self.key_file or None)
        except (OSError, ssl.SSLError) as error:
            raise LogError(f"Kafka's certificates can't be used: {error}", "Check NETIV_KAFKA_*_FILE.") from None
        return context


def config_of(settings: Settings) -> KafkaConfig:
    """The settings that concern the log."""
    return KafkaConfig(
        bootstrap=settings.kafka,
        topic=settings.kafka_topic,
        partitions=settings.kafka_partitions,
        replication=settings.kafka_replication,
        bytes_max=settings.log_bytes_max,
        compression=settings.kafka_compression,
        session_timeout_s=settings.kafka_session_timeout_s,
        security=settings.kafka_security,
        ca_file=str(settings.kafka_ca_file or ""),
        certificate_file=str(settings.kafka_certificate_file or ""),
        key_file=str(settings.kafka_key_file or ""),
        sasl_mechanism=settings.kafka_sasl_mechanism,
        user=settings.kafka_user,
        password=settings.kafka_password,
    )
