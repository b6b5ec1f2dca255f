"""The statements of the operators' read model, as constants and pieces of them.

What a page of tenants shows is read in one statement: the inner query finds the page
by the filter's pieces, the outer one fetches the records. The counts for the overview
look at rows that are late or were attempted, and count all others from indexes alone.
"""

from firstry.domain.phase import Phase
from firstry.stores.sql.filter_statement import CURRENT, PHASE, Selection
from firstry.stores.sql.statement import _MILESTONES as MILESTONES
from firstry.stores.sql.statement import _RECORD as RECORD

BEHIND_TENANT = "t.cloud_id > :after"
BEHIND_MILESTONE = "m.cloud_id > :after"
BEHIND_TARGET = """m.cloud_id >= :after
  AND (m.cloud_id > :after OR m.trigger_name > :after_trigger)"""
ALL = "1 = 1"

_PAGE_OF_TENANTS = ("SELECT DISTINCT t.cloud_id AS cloud_id", "ORDER BY t.cloud_id LIMIT :limit")
_PAGE_OF_MILESTONES = (
    "SELECT DISTINCT m.cloud_id AS cloud_id",
    "ORDER BY m.cloud_id LIMIT :limit",
)
_RECORDS = "p JOIN tenant t ON t.cloud_id = p.cloud_id" + MILESTONES
_RECORDS_END = "ORDER BY t.cloud_id, m.due_at, m.trigger_name, m.revision"
_TARGETS_END = "ORDER BY m.cloud_id, m.trigger_name LIMIT :limit"


def page_of_tenants(selected: Selection, *, is_by_milestone: bool) -> str:
    """Return the query for the records of one page, which begins behind `:after`."""
    begin, end = _PAGE_OF_MILESTONES if is_by_milestone else _PAGE_OF_TENANTS
    return "\n".join((RECORD, "FROM (", begin, selected.text, end, ")", _RECORDS, _RECORDS_END))


def page_of_targets(selected: Selection) -> str:
    """Return the query for milestones, which begins behind `:after` and `:after_trigger`."""
    return "\n".join(("SELECT m.cloud_id, m.trigger_name", selected.text, _TARGETS_END))


def count_of_tenants(selected: Selection, *, is_by_milestone: bool) -> str:
    """Return the query for the number of tenants."""
    counted = "count(DISTINCT t.cloud_id)" if is_by_milestone else "count(*)"
    return "\n".join(("SELECT", counted, "AS n", selected.text))


def count_of_targets(selected: Selection) -> str:
    """Return the query for the number of milestones."""
    return "\n".join(("SELECT count(*) AS n", selected.text))


_TROUBLED = "(m.state = 'claimed' OR (m.state = 'scheduled' AND m.next_due > m.due_at))"
_WAIT_BEGAN = """CASE m.state WHEN 'claimed' THEN m.lease_until
                             ELSE coalesce(m.error_at, m.due_at) END"""
_AT = {phase: piece.replace("k.expires_at", "m.expires_at") for phase, piece in PHASE.items()}
TALLY_OPEN = f"""
SELECT trigger_name, phase, is_paused, count(*) AS n,
       max(CASE phase WHEN 'backoff' THEN next_due - began_at END) AS longest,
       sum(CASE WHEN phase = 'backoff' AND next_due - began_at > :long THEN 1 ELSE 0 END) AS over,
       sum(CASE WHEN due_at < :late_since THEN 1 ELSE 0 END) AS late,
       min(CASE phase WHEN 'backoff' THEN began_at END) AS since,
       min(due_at) AS earliest_due_at, min(next_due) AS earliest_next_due
FROM (
    SELECT m.trigger_name, m.next_due, m.due_at, {_WAIT_BEGAN} AS began_at,
           CASE WHEN {_AT[Phase.RUNNING]} THEN 'running'
                WHEN {_AT[Phase.DUE]} THEN 'due'
                WHEN {_AT[Phase.WAITING]} THEN 'waiting'
                WHEN {_AT[Phase.DEFERRED]} THEN 'deferred'
                ELSE 'backoff' END AS phase,
           CASE WHEN m.paused_at IS NULL THEN 0 ELSE 1 END AS is_paused
    FROM (SELECT o.*,
                 (SELECT t.paused_at FROM tenant t WHERE t.cloud_id = o.cloud_id) AS paused_at,
                 (SELECT k.expires_at FROM token k WHERE k.cloud_id = o.cloud_id) AS expires_at
          FROM (SELECT * FROM milestone m WHERE {_TROUBLED}
                UNION ALL
                SELECT * FROM milestone m
                WHERE m.state IN ('scheduled', 'claimed') AND m.next_due <= :now
                  AND m.state = 'scheduled' AND m.next_due <= m.due_at) o) m) p
GROUP BY trigger_name, phase, is_paused
"""
"""Tenant and token are looked up row by row: a planner that does not know how few rows there
are would read both tables instead."""
TALLY_LIVE = """
SELECT trigger_name, count(*) AS n FROM milestone
WHERE state IN ('scheduled', 'claimed') GROUP BY trigger_name
"""
TALLY_ENDED = """
SELECT trigger_name, state, count(*) AS n FROM milestone
WHERE state NOT IN ('scheduled', 'claimed') GROUP BY trigger_name, state
"""
TALLY_SUPERSEDED = """
SELECT m.trigger_name, m.state, count(*) AS n
FROM milestone n JOIN milestone m ON m.cloud_id = n.cloud_id
     AND m.trigger_name = n.trigger_name AND m.revision = n.revision - 1
WHERE n.revision > 1 GROUP BY m.trigger_name, m.state
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
SELECT entry_at, cloud_id, sequence, body, hash FROM ledger
WHERE entry_kind <> 'EVIDENCE_READ' AND entry_at <= :at
  AND (entry_at, cloud_id, sequence) < (:at, :cloud_id, :sequence)
  AND (CAST(:actor AS TEXT) IS NULL OR entry_actor = :actor)
ORDER BY entry_at DESC, cloud_id DESC, sequence DESC LIMIT :limit
"""
LINES_OF_KIND = """
SELECT entry_at, cloud_id, sequence, body, hash FROM ledger
WHERE entry_kind = :kind AND entry_kind <> 'EVIDENCE_READ' AND entry_at <= :at
  AND (entry_at, cloud_id, sequence) < (:at, :cloud_id, :sequence)
  AND (CAST(:actor AS TEXT) IS NULL OR entry_actor = :actor)
ORDER BY entry_at DESC, cloud_id DESC, sequence DESC LIMIT :limit
"""
LINES_OF_PERSON = """
SELECT entry_at, cloud_id, sequence, body, hash FROM ledger
WHERE entry_actor = :actor AND entry_actor NOT IN ('scheduler', 'platform') AND entry_at <= :at
  AND (entry_at, cloud_id, sequence) < (:at, :cloud_id, :sequence)
  AND (CAST(:kind AS TEXT) IS NULL OR entry_kind = :kind)
ORDER BY entry_at DESC, cloud_id DESC, sequence DESC LIMIT :limit
"""
SERVICE_LINES = """
SELECT entry_at, '' AS cloud_id, sequence, body, hash FROM service_ledger
WHERE (entry_at, '', sequence) < (:at, :cloud_id, :sequence)
  AND (CAST(:kind AS TEXT) IS NULL OR entry_kind = :kind)
  AND (CAST(:actor AS TEXT) IS NULL OR entry_actor = :actor)
ORDER BY entry_at DESC, sequence DESC LIMIT :limit
"""
TENANT_LINES = """
SELECT entry_at, cloud_id, sequence, body, hash FROM ledger
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
SERVICE_HEAD = "SELECT sequence, hash FROM service_ledger ORDER BY sequence DESC LIMIT 1"
