"""How many milestones are planned by other triggers or ages than the settings'.

Counting looks at every milestone that waits, and the number changes only where a
process with other settings arms something, or somebody plans anew. So it is counted
at the start, then once an hour, and every minute as long as there is something.
"""

import threading
from datetime import datetime

from firstry.domain.policy import Policy
from firstry.ports.clock import Clock
from firstry.ports.insight import Insight

RECOUNT_SECONDS = 3600.0
RECOUNT_SECONDS_IF_ANY = 60.0


class PlanWatch:
    """The latest count. Threads may share it."""

    def __init__(self, insight: Insight, clock: Clock, policy: Policy) -> None:
        self._insight, self._clock, self._policy = insight, clock, policy
        self._lock = threading.Lock()
        self._counted_at: float | None = None
        self._count = 0

    def outdated(self, now: datetime) -> int:
        """Return how many plans the settings would change, as last counted."""
        with self._lock:
            began = self._clock.monotonic()
            keeps = RECOUNT_SECONDS_IF_ANY if self._count else RECOUNT_SECONDS
            if self._counted_at is None or began - self._counted_at >= keeps:
                self._count = self._insight.count_outdated(now, self._policy)
                self._counted_at = began
            return self._count
