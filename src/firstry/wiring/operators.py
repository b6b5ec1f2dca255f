"""The operators' side of a store: what API, console, metrics and command line share."""

from dataclasses import dataclass
from datetime import timedelta

from firstry.domain.phase import LONG_BACKOFF
from firstry.domain.policy import Policy
from firstry.insight.overview import FAILURE_SHARE, InsightParts, Watch
from firstry.insight.plan_watch import PlanWatch
from firstry.lifecycle.bulk import BulkParts
from firstry.ports.clock import Clock
from firstry.stores.sql.access import SqlTokens
from firstry.stores.sql.console_session import SqlSessions
from firstry.stores.sql.flag import SqlFlags
from firstry.stores.sql.insight import SqlInsight
from firstry.stores.sql.job import SqlJobs
from firstry.stores.sql.store import SqlStore
from firstry.stores.sql.vital import SqlVitals


@dataclass(frozen=True, slots=True)
class Operators:
    """What operators see and turn, behind API, console, metrics and command line alike."""

    insight: InsightParts
    bulk: BulkParts
    tokens: SqlTokens
    sessions: SqlSessions
    watch: Watch
    vitals: SqlVitals


def operators_of(
    store: SqlStore,
    clock: Clock,
    policy: Policy,
    long_backoff: timedelta = LONG_BACKOFF,
    failure_share: float = FAILURE_SHARE,
) -> Operators:
    """Return the operators' side of a store; the last two are when to raise an alert."""
    seen, flags = SqlInsight(store.database), SqlFlags(store.database)
    plan, limits = PlanWatch(seen, clock, policy), (long_backoff, failure_share)
    insight = InsightParts(store, seen, flags, clock, policy, plan, *limits)
    bulk = BulkParts(store, seen, SqlJobs(store.database), clock, policy)
    return Operators(
        insight,
        bulk,
        SqlTokens(store.database),
        SqlSessions(store.database),
        Watch(insight),
        SqlVitals(store.database),
    )
