"""Forge and Jira around the processes of a test: a platform, its sites, and how all of it ends."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Self

from firstry.sim.jira import JiraSite, new_site
from firstry.sim.platform import Platform
from firstry.sim.platform_key import KeyRing
from firstry.sim.server import SimulatorServer


class SimulatedForge:
    """A platform, and the server for it and its sites. A context manager.

    `at_end` holds what a test starts beside it: the last one is ended first, and each is
    ended even if another one cannot be.
    """

    def __init__(self, seed: int, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._rng = Random(seed)
        self.platform = Platform(self._rng, keys)
        self.simulator = SimulatorServer(self.platform, clock=clock)
        self.at_end = ExitStack()

    def __enter__(self) -> Self:
        self.at_end.enter_context(self.simulator)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.at_end.close()

    def new_site(self, name: str = "acme") -> JiraSite:
        """Return a new site that is served, not yet installed."""
        site = new_site(self.platform, self._rng, name)
        self.simulator.add(site)
        return site
