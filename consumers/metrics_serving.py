"""A consumer's own `/metrics`, by prometheus_client's server in a thread: it answers also while the consumer waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from consumers.metrics import ConsumerMetrics
from consumers.warehouse.contract import WarehouseError
from schemas.settings import Settings


@contextmanager
def serve_metrics(settings: Settings, metrics: ConsumerMetrics) -> Iterator[None]:
    """Serve while this is open, if a port is set. Raises `WarehouseError` when the port is taken."""
    if not settings.consumer_metrics_port:
        yield
        return
    port = settings.consumer_metrics_port
    try:
        server, thread = start_http_server(port, settings.host, metrics.registry)
    except OSError as error:
        raise WarehouseError(
            f"Port {port} for the consumer's metrics: {error}. Set NETIV_CONSUMER_METRICS_PORT."
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
