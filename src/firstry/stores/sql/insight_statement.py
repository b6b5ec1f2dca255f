"""The statements of the operators' read model, as constants and pieces of them.

What a page of tenants shows is read in one statement: the inner query finds the page
by the filter's pieces, the outer one fetches the records. The counts for the overview
look at rows that are late or were attempted, and count all others from indexes alone.
"""

from firstry.domain.phase import Phase
from firstry.stores.sql.filter_statement import CURRENT, PHASE, TOKEN_END, Selection
from firstry.stores.sql.statement import _MILESTONES as MILESTONES
from firstry.stores.sql.statement import _RECORD as RECORD

_NEAR = 2000
_EDGE = f"""(SELECT max(cloud_id) FROM (
    SELECT cloud_id FROM tenant WHERE cloud_id > :after ORDER BY cloud_id LIMIT {_NEAR}) e)"""
_IS_OPEN = "(SELECT count(*) FROM near) < :limit"
"""Said twice: PostgreSQL asks it once and looks no further; SQLite would ask for each row, but
finds nothing behind NULL."""
_RECORDS = (
    """FROM (SELECT cloud_id FROM near UNION ALL SELECT cloud_id FROM far
      ORDER BY cloud_id LIMIT :limit) p
JOIN tenant t ON t.cloud_id = p.cloud_id"""
    + MILESTONES
)
_RECORDS_END = "ORDER BY t.cloud_id, m.due_at, m.trigger_name, m.revision"
_BEHIND_TARGET = """AND m.cloud_id >= :after
  AND (m.cloud_id > :after OR m.trigger_name > :after_trigger)
ORDER BY m.cloud_id, m.trigger_name LIMIT :limit"""


def page_of_tenants(selected: Selection) -> str:
    """Return the query for the records of one page, which begins behind `:after`.

    No planner can know how far a walk in order goes until a page is full, and one that
    hopes for the best may look at everything in the dearest way. So the walk ends after
    some tenants (`near`); only if these do not fill the page, what is meant of all others
    is found in whichever order is cheapest, and sorted (`far`).
    """
    key = f"{selected.walked}.cloud_id"
    found = f"SELECT DISTINCT {key} AS cloud_id\n{selected.text}"
    near = f"{found}\n  AND {key} > :after AND {key} <= {_EDGE} ORDER BY {key} LIMIT :limit"
    far = f"{found}\n  AND {_IS_OPEN} AND {key} > CASE WHEN {_IS_OPEN} THEN {_EDGE} END"
    parts = f"WITH near AS MATERIALIZED ({near}), far AS MATERIALIZED ({far})"
    return "\n".join((parts, RECORD, _RECORDS, _RECORDS_END))


def page_of_targets(selected: Selection) -> str:
    """Return the query for milestones, which begins behind `:after` and `:after_trigger`."""
    return "\n".join(("SELECT m.cloud_id, m.trigger_name", selected.text, _BEHIND_TARGET))


def count_of_both(selected: Selection) -> str:
    """Return the query for the number of milestones, and of the tenants that have one of them."""
    counted = "SELECT count(*) AS tenants, coalesce(sum(c.n), 0) AS milestones"
    end = f"GROUP BY {selected.walked}.cloud_id) c"
    return "\n".join((counted, "FROM (SELECT count(*) AS n", selected.text, end))


def count_of_tenants(selected: Selection, *, is_by_milestone: bool) -> str:
    """Return the query for the number of tenants."""
    counted = f"count(DISTINCT {selected.walked}.cloud_id)" if is_by_milestone else "count(*)"
    return "\n".join(("SELECT", counted, "AS n", selected.text))


def count_of_targets(selected: Selection) -> str:
    """Return the query for the number of milestones."""
    return "\n".join(("SELECT count(*) AS n", selected.text))


_TROUBLED = "(m.state = 'claimed' OR (m.state = 'scheduled' AND m.next_due > m.due_at))"
_WAIT_BEGAN = """CASE m.state WHEN 'claimed' THEN m.lease_until
                             ELSE coalesce(m.error_at, m.due_at) END"""
_AT = {phase: piece.replace(TOKEN_END, "m.expires_at") for phase, piece in PHASE.items()}
TALLY_OPEN = f"""
WITH looked_at AS MATERIALIZED (
    SELECT m.trigger_name, m.state, m.next_due, m.due_at, m.lease_until, m.error_at,
           m.deferral_kind,
           CASE WHEN EXISTS (SELECT 1 FROM tenant t
                             WHERE t.paused_at IS NOT NULL AND t.cloud_id = m.cloud_id)
                THEN 1 ELSE 0 END AS is_paused,
           CASE WHEN m.next_due <= :now THEN (SELECT k.expires_at FROM token k
                                              WHERE k.cloud_id = m.cloud_id) END AS expires_at
    FROM (SELECT * FROM milestone m WHERE {_TROUBLED}
          UNION ALL
          SELECT * FROM milestone m
          WHERE m.state IN ('scheduled', 'claimed') AND m.next_due <= :now
            AND m.state = 'scheduled' AND m.next_due <= m.due_at) m
), told AS MATERIALIZED (
    SELECT m.trigger_name, m.next_due, m.due_at, {_WAIT_BEGAN} AS began_at,
           CASE WHEN {_AT[Phase.RUNNING]} THEN 'running'
                WHEN {_AT[Phase.DUE]} THEN 'due'
                WHEN {_AT[Phase.WAITING]} THEN 'waiting'
                WHEN {_AT[Phase.DEFERRED]} THEN 'deferred'
                ELSE 'backoff' END AS phase, m.is_paused
    FROM looked_at m
)
SELECT trigger_name, phase, is_paused, count(*) AS n,
       max(CASE phase WHEN 'backoff' THEN next_due - began_at END) AS longest,
       sum(CASE WHEN phase = 'backoff' AND next_due - began_at > :long THEN 1 ELSE 0 END) AS over,
       sum(CASE WHEN due_at < :late_since THEN 1 ELSE 0 END) AS late,
       min(CASE phase WHEN 'backoff' THEN began_at END) AS since,
       min(due_at) AS earliest_due_at, min(next_due) AS earliest_next_due
FROM told GROUP BY trigger_name, phase, is_paused
"""
"""Tenant and token are looked up row by row: a planner that does not know how few rows there
are would read both tables instead. Each part is made once and not said again in the next."""
TALLY_LIVE = """
SELECT trigger_name, count(*) AS n FROM milestone m
WHERE +m.state IN ('scheduled', 'claimed') GROUP BY trigger_name
"""
TALLY_ENDED = """
SELECT trigger_name, state, count(*) AS n FROM milestone
WHERE state NOT IN ('scheduled', 'claimed') GROUP BY trigger_name, state
"""
TALLY_ENDED_OF_FEW = """
SELECT state, count(*) AS n, sum(CASE trigger_name WHEN :a THEN 1 ELSE 0 END) AS a,
       sum(CASE trigger_name WHEN :b THEN 1 ELSE 0 END) AS b,
       sum(CASE trigger_name WHEN :c THEN 1 ELSE 0 END) AS c
FROM milestone WHERE state NOT IN ('scheduled', 'claimed') GROUP BY state
"""
"""The same where all triggers are known and few: by the index, with nothing to sort."""
TALLY_SUPERSEDED = """
SELECT m.trigger_name, m.state, count(*) AS n
FROM milestone n JOIN milestone m ON m.cloud_id = n.cloud_id
     AND m.trigger_name = n.trigger_name AND m.revision = n.revision - 1
WHERE n.revision > 1 GROUP BY m.trigger_name, m.state
"""

PLANS = """
SELECT m.trigger_name, m.due_at - m.installed_at AS age,
       m.window_end_at - m.installed_at AS window_age, count(*) AS n
FROM milestone m
WHERE m.state = 'scheduled' AND m.starts = 0 AND m.fence = 0 AND m.trigger_name <> :manual
  AND (m.revision = 1 OR EXISTS (
      SELECT 1 FROM milestone p
      WHERE p.cloud_id = m.cloud_id AND p.trigger_name = m.trigger_name
        AND p.revision = m.revision - 1 AND p.state = 'cancelled'
        AND (p.installed_at <> m.installed_at OR p.due_at <> m.due_at)))
GROUP BY 1, 2, 3
"""
"""What has not begun, by the ages that it was planned by; an operator's resets are left out."""
PLAN_MISSING = """
SELECT count(*) AS n FROM tenant t
WHERE coalesce(t.reinstalled_at, t.installed_at) > :since
  AND t.uninstalled_at IS NULL AND t.source <> 'UNKNOWN'
  AND NOT EXISTS (SELECT 1 FROM milestone m
                  WHERE m.cloud_id = t.cloud_id AND m.trigger_name = :trigger)
"""

FAILURES = f"""
SELECT m.error_code, m.error_message, m.trigger_name, count(*) AS n,
       min(m.error_at) AS first_at, max(m.error_at) AS last_at, min(m.cloud_id) AS example
FROM milestone m
WHERE m.error_code IS NOT NULL AND m.state <> 'completed' AND {CURRENT}
GROUP BY m.error_code, m.error_message, m.trigger_name
ORDER BY n DESC, m.error_code, m.error_message, m.trigger_name
LIMIT :limit
"""

RATES = """
SELECT entry_trigger, entry_kind, count(*) AS n FROM ledger
WHERE entry_kind <> 'EVIDENCE_READ' AND entry_at >= :since
  AND entry_kind IN ('COMPLETED', 'FAILED', 'DEFERRED', 'MISSED', 'DISCARDED')
GROUP BY entry_trigger, entry_kind ORDER BY entry_trigger, entry_kind
"""

RECENT_LINES = """
SELECT entry_at, cloud_id, sequence, body, hash, erased_hash FROM ledger
WHERE entry_kind <> 'EVIDENCE_READ' AND entry_at <= :at
  AND (entry_at, cloud_id, sequence) < (:at, :cloud_id, :sequence)
  AND (CAST(:actor AS TEXT) IS NULL OR entry_actor = :actor)
ORDER BY entry_at DESC, cloud_id DESC, sequence DESC LIMIT :limit
"""
LINES_OF_KIND = """
SELECT entry_at, cloud_id, sequence, body, hash, erased_hash FROM ledger
WHERE entry_kind = :kind AND entry_kind <> 'EVIDENCE_READ' AND entry_at <= :at
  AND (entry_at, cloud_id, sequence) < (:at, :cloud_id, :sequence)
  AND (CAST(:actor AS TEXT) IS NULL OR entry_actor = :actor)
ORDER BY entry_at DESC, cloud_id DESC, sequence DESC LIMIT :limit
"""
LINES_OF_PERSON = """
SELECT entry_at, cloud_id, sequence, body, hash, erased_hash FROM ledger
WHERE entry_actor = :actor AND entry_actor NOT IN ('scheduler', 'platform') AND entry_at <= :at
  AND (entry_at, cloud_id, sequence) < (:at, :cloud_id, :sequence)
  AND (CAST(:kind AS TEXT) IS NULL OR entry_kind = :kind)
ORDER BY entry_at DESC, cloud_id DESC, sequence DESC LIMIT :limit
"""
SERVICE_LINES = """
SELECT entry_at, '' AS cloud_id, sequence, body, hash, NULL AS erased_hash
FROM service_ledger
WHERE (entry_at, '', sequence) < (:at, :cloud_id, :sequence)
  AND (CAST(:kind AS TEXT) IS NULL OR entry_kind = :kind)
  AND (CAST(:actor AS TEXT) IS NULL OR entry_actor = :actor)
ORDER BY entry_at DESC, sequence DESC LIMIT :limit
"""
TENANT_LINES = """
SELECT entry_at, cloud_id, sequence, body, hash, erased_hash FROM ledger
WHERE cloud_id = :tenant AND sequence < :sequence
  AND (CAST(:kind AS TEXT) IS NULL OR entry_kind = :kind)
  AND (CAST(:actor AS TEXT) IS NULL OR entry_actor = :actor)
ORDER BY sequence DESC LIMIT :limit
"""

NEXT_DUE = """
SELECT min(next_due) AS next_due FROM milestone
WHERE state IN ('scheduled', 'claimed') AND next_due > :now
"""
LAST_TICK = "SELECT max(last_tick_at) AS last_tick_at FROM tenant"
