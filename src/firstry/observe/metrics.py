"""`/metrics`: what this process counted and what the store says, for Prometheus."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from firstry import __version__
from firstry.domain.policy import MANUAL, Policy
from firstry.insight.overview import Watch
from firstry.insight.patrol import LedgerPatrol
from firstry.observe.counter import Counters
from firstry.observe.gauge import GaugeParts, Gauges
from firstry.ports.clock import Clock
from firstry.ports.holding import HoldingCount

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """The metrics of one process. Close them when it ends."""

    def __init__(self, clock: Clock, policy: Policy) -> None:
        self._registry = CollectorRegistry()
        self._triggers = [*(name for name, _ in policy.triggers), MANUAL]
        self._gauges: Gauges | None = None
        self._clock = clock
        self.counters = Counters(self._registry, clock, self._triggers)

    def watch(
        self,
        watch: Watch,
        holdings: HoldingCount,
        patrol: LedgerPatrol,
        points_left: Callable[[datetime], int],
    ) -> None:
        """Show what the store says beside the counters."""
        self._gauges = Gauges(
            GaugeParts(
                watch,
                holdings,
                patrol,
                self._clock,
                points_left,
                self._triggers,
                lambda: self.counters.last_tick_seconds,
            )
        )
        self._registry.register(self._gauges)

    def exposed(self) -> bytes:
        """Return everything in the text format, as `MEDIA_TYPE`."""
        version = f'firstry_build_info{{version="{__version__}"}} 1.0\n'
        head = "# HELP firstry_build_info The version\n# TYPE firstry_build_info gauge\n"
        return generate_latest(self._registry) + (head + version).encode()

    def close(self) -> None:
        """End what runs in the background."""
        if self._gauges is not None:
            self._gauges.close()
