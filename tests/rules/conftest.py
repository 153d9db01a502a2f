"""The same engine as the attribution tests have."""

from attribution.conftest import engine

__all__ = ["engine"]
