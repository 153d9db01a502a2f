"""Why the brokers can't be reached. The client only says that they can't; one connection by hand tells what stood in the way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.conn import create_conn, get_ip_port_afi
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
# By OpenSSL's numbers (x509_vfy.h): not valid yet, expired, another host's name, another address.
_DATES: Final = "Renew the broker's certificate, or look at this machine's clock."
_NAME: Final = "Write into NETIV_KAFKA what the broker's certificate calls it."
_HINTS: Final = {9: _DATES, 10: _DATES, 62: _NAME, 64: _NAME}
_NONE_GIVEN: Final = "It may want a client certificate: set NETIV_KAFKA_CERTIFICATE_FILE and NETIV_KAFKA_KEY_FILE."
_NOT_ACCEPTED: Final = "It may not accept NETIV_KAFKA_CERTIFICATE_FILE: look at its dates and at who signed it."
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
    """By the first broker that says anything."""
    for address in config.addresses():
        if (failure := await _explained_by(config, address)) is not None:
            return failure
    return None


async def _explained_by(config: KafkaConfig, address: str) -> LogUnavailable | None:
    host, port, _ = get_ip_port_afi(address)
    arguments = {name: value for name, value in config.client().items() if name not in _NOT_NEEDED}
    try:
        async with asyncio.timeout(LOOK_S):
            connection = await create_conn(host, port, **arguments)
            try:
                # Under TLS 1.3 a broker refuses a client without certificate only after the handshake.
                await connection.send(ApiVersionRequest())
            finally:
                connection.close()
    except ssl.SSLCertVerificationError as error:
        hint = _HINTS.get(error.verify_code, "Set NETIV_KAFKA_CA_FILE.")
        return _failure(f"the broker's certificate is not trusted ({error.verify_message})", hint)
    except (AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError) as error:
        hint = "Check NETIV_KAFKA_USER, NETIV_KAFKA_PASSWORD and NETIV_KAFKA_SASL_MECHANISM."
        return _failure(f"the broker refuses this user ({type(error).__name__})", hint)
    except (KafkaError, OSError, TimeoutError) as error:
        if "SSL" in config.security and _after_handshake(error):
            hint = _NOT_ACCEPTED if config.certificate_file else _NONE_GIVEN
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
