"""Why the brokers can't be reached. The client only says that they can't; one connection by hand tells what stood in the way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.admin import ApiVersionRequest

from eventlog.contract import LogUnavailable
from eventlog.kafka.config import KafkaConfig
from eventlog.kafka.faults import within

LOOK_S: Final = 5.0
_NOT_NEEDED: Final = frozenset({"metadata_max_age_ms", "bootstrap_servers"})


@asynccontextmanager
async def reaching(config: KafkaConfig, seconds: float) -> AsyncIterator[None]:
    """As `within`, for a first connection: its `LogUnavailable` names the setting to look at."""
    try:
        async with within(seconds):
            yield
    except LogUnavailable as error:
        if config.security == "PLAINTEXT":
            raise
        raise await _explained(config) or error from error


async def _explained(config: KafkaConfig) -> LogUnavailable | None:
    host, _, port = config.bootstrap.split(",")[0].rpartition(":")
    arguments = {name: value for name, value in config.client().items() if name not in _NOT_NEEDED}
    try:
        async with asyncio.timeout(LOOK_S):
            connection = await create_conn(host, int(port), **arguments)
            try:
                # Under TLS 1.3 a broker refuses a client without certificate only after the handshake.
                await connection.send(ApiVersionRequest())
            finally:
                connection.close()
    except ssl.SSLCertVerificationError as error:
        return _failure(f"the broker's certificate is not trusted ({error.verify_message})", "Set NETIV_KAFKA_CA_FILE.")
    except (AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError) as error:
        hint = "Check NETIV_KAFKA_USER, NETIV_KAFKA_PASSWORD and NETIV_KAFKA_SASL_MECHANISM."
        return _failure(f"the broker refuses this user ({type(error).__name__})", hint)
    except (KafkaError, OSError, TimeoutError) as error:
        if "SSL" in config.security and not config.certificate_file and _after_handshake(error):
            hint = "It may want a client certificate: set NETIV_KAFKA_CERTIFICATE_FILE and NETIV_KAFKA_KEY_FILE."
            return _failure("the broker hangs up", hint)
        return None
    return None


def _after_handshake(error: BaseException) -> bool:
    """Not for want of anybody who listens."""
    return not isinstance(error, ConnectionRefusedError | TimeoutError)


def _failure(message: str, hint: str) -> LogUnavailable:
    failure = LogUnavailable(f"Kafka: {message}")
    failure.hint = hint
    return failure
