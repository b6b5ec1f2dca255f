"""What the restart tests share: the platform's key, which takes long to make."""

import pytest

from firstry.sim.platform_key import KeyRing


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """The platform's signing key."""
    return KeyRing()
