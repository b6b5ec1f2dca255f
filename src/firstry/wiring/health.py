"""What the health of a service is read from."""

import platform

from firstry import __version__
from firstry.insight.health import HealthParts
from firstry.stores.clock import HostClock
from firstry.wiring.service import Service


def health_of(service: Service) -> HealthParts:
    """Return what the health of this process is read from."""
    return HealthParts(
        service.parts.store,
        service.parts.clock,
        HostClock(),
        service.pulse,
        service.operators.vitals,
        service.operators.watch,
        {"firstry": __version__, "python": platform.python_version()},
    )
