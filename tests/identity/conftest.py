"""The engine of the model's tests."""

from tests.model.conftest import driver

__all__ = ["driver"]
