"""Fixtures of the alerts: the platform's key."""

import pytest

from firstry.sim.platform_key import KeyRing


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """The platform's signing key; making one takes long."""
    return KeyRing()
