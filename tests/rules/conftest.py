"""The same engine as the attribution tests have."""

from attribution.conftest import anyio_backend, engine

__all__ = ["anyio_backend", "engine"]
