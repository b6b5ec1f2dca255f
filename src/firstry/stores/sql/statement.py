"""Every SQL statement of the store, as constants. `now` is always bound.

Few tenants have a switch that is off, so each statement asks once whether there is
any at all before it looks for those of each tenant.
"""

import re

_RECORD = """
SELECT t.cloud_id, t.installed_at, t.source, t.installation_id, t.app_version,
       t.reinstalled_at, t.paused_at, t.uninstalled_at, t.last_tick_at,
       t.head_sequence, t.head_hash, t.erased_at, t.erased_sequence,
       k.expires_at AS token_expires_at,
       (SELECT high_water_at FROM store_clock) AS store_clock_at,
       CASE WHEN EXISTS (SELECT 1 FROM flag WHERE is_on = 0) THEN
           (SELECT string_agg(f.name, ' ') FROM flag f
            WHERE f.scope IN ('*', t.cloud_id) AND f.is_on = 0) END AS switched_off,
       m.trigger_name, m.revision, m.state, m.installed_at AS evidence_at,
       m.due_at, m.window_end_at, m.next_due, m.attempts, m.starts, m.fence, m.lease_until,
       m.deferral_kind, m.deferrals, m.settled_fence, m.settled_as,
       m.error_code, m.error_message, m.error_at, m.error_attempt,
       coalesce(d.completed_at, m.imported_at) AS completed_at,
       CASE WHEN m.imported_at IS NULL THEN d.report_id ELSE 'imported' END AS report_id
"""
_MILESTONES = """
LEFT JOIN token k ON k.cloud_id = t.cloud_id
LEFT JOIN milestone m ON m.cloud_id = t.cloud_id
LEFT JOIN marker d ON d.cloud_id = m.cloud_id
     AND d.trigger_name = m.trigger_name AND d.revision = m.revision
"""

READ_TENANT = (
    _RECORD
    + "FROM tenant t"
    + _MILESTONES
    + "WHERE t.cloud_id = :cloud_id ORDER BY m.due_at, m.trigger_name, m.revision"
)

_BATCH_END = " ORDER BY t.cloud_id, m.due_at, m.trigger_name, m.revision"
READ_TENANTS = (
    _RECORD + "FROM tenant t" + _MILESTONES + "WHERE t.cloud_id = ANY(:cloud_ids)" + _BATCH_END
)
"""READ_TENANT for several at once, as PostgreSQL says it."""

READ_TENANTS_OF_JSON = (
    _RECORD
    + "FROM tenant t"
    + _MILESTONES
    + "WHERE t.cloud_id IN (SELECT value FROM json_each(:cloud_ids))"
    + _BATCH_END
)
"""READ_TENANT for several at once, as SQLite says it: `cloud_ids` is a JSON array."""

LIST_TENANTS = (
    _RECORD
    + """FROM (SELECT * FROM tenant WHERE CAST(:after AS TEXT) IS NULL OR cloud_id > :after
               ORDER BY cloud_id LIMIT :limit) t"""
    + _MILESTONES
    + "ORDER BY t.cloud_id, m.due_at, m.trigger_name, m.revision"
)

CLAIMABLE = """
SELECT m.cloud_id
FROM milestone m
JOIN tenant t ON t.cloud_id = m.cloud_id
LEFT JOIN token k ON k.cloud_id = m.cloud_id
WHERE m.state IN ('scheduled', 'claimed') AND m.next_due <= :now AND t.paused_at IS NULL
  AND (k.expires_at >= :token_until
       OR m.window_end_at <= :now
       OR m.attempts >= CASE m.trigger_name WHEN :manual THEN :manual_attempts
                                            ELSE :max_attempts END
       OR (m.deferral_kind = 'token' AND m.deferrals >= :refusals
           AND t.last_tick_at <= :silent_since))
  AND (NOT EXISTS (SELECT 1 FROM flag WHERE is_on = 0) OR NOT EXISTS (
      SELECT 1 FROM flag f WHERE f.is_on = 0 AND f.scope IN ('*', m.cloud_id)
      AND f.name IN ('generation', CASE m.trigger_name WHEN :manual THEN 'manual'
                                   ELSE 'trigger.' || m.trigger_name END)))
ORDER BY m.next_due, m.cloud_id
LIMIT :limit
"""

NEXT_DUE = """
SELECT min(next_due) AS next_due FROM milestone
WHERE state IN ('scheduled', 'claimed') AND next_due > :now
"""

INSERT_TENANT = """
INSERT INTO tenant (cloud_id, installed_at, source, installation_id, app_version,
                    reinstalled_at, paused_at, uninstalled_at, last_tick_at,
                    head_sequence, head_hash)
VALUES (:cloud_id, :installed_at, :source, :installation_id, :app_version,
        :reinstalled_at, :paused_at, :uninstalled_at, :last_tick_at, :head_sequence, :head_hash)
"""

UPDATE_TENANT = """
UPDATE tenant SET installed_at = :installed_at, source = :source,
       installation_id = :installation_id, app_version = :app_version,
       reinstalled_at = :reinstalled_at, paused_at = :paused_at,
       uninstalled_at = :uninstalled_at, last_tick_at = :last_tick_at,
       head_sequence = :head_sequence, head_hash = :head_hash
WHERE cloud_id = :cloud_id AND head_sequence = :expected_sequence
"""

MOVE_HEAD = """
UPDATE tenant SET head_sequence = :head_sequence, head_hash = :head_hash
WHERE cloud_id = :cloud_id AND head_sequence = :expected_sequence
"""
"""UPDATE_TENANT where nothing but the ledger has changed, as with every claim and settle."""

INSERT_MILESTONE = """
INSERT INTO milestone (cloud_id, trigger_name, revision, installed_at, due_at, imported_at,
    state, window_end_at, next_due, attempts, starts, fence, lease_until, deferral_kind,
    deferrals, settled_fence, settled_as, error_code, error_message, error_at, error_attempt)
VALUES (:cloud_id, :trigger_name, :revision, :installed_at, :due_at, :imported_at,
    :state, :window_end_at, :next_due, :attempts, :starts, :fence, :lease_until, :deferral_kind,
    :deferrals, :settled_fence, :settled_as, :error_code, :error_message, :error_at,
    :error_attempt)
"""

UPDATE_MILESTONE = """
UPDATE milestone SET state = :state, window_end_at = :window_end_at, next_due = :next_due,
       attempts = :attempts, starts = :starts, fence = :fence, lease_until = :lease_until,
       deferral_kind = :deferral_kind, deferrals = :deferrals,
       settled_fence = :settled_fence, settled_as = :settled_as,
       error_code = :error_code, error_message = :error_message,
       error_at = :error_at, error_attempt = :error_attempt
WHERE cloud_id = :cloud_id AND trigger_name = :trigger_name AND revision = :revision
  AND state = :expected_state AND fence = :expected_fence
"""

INSERT_REPORT = """
INSERT INTO report (report_id, cloud_id, trigger_name, revision, generated_at, digest, body,
                    envelope)
VALUES (:report_id, :cloud_id, :trigger_name, :revision, :generated_at, :digest, :body, :envelope)
"""

INSERT_MARKER = """
INSERT INTO marker (cloud_id, trigger_name, revision, completed_at, report_id, digest)
VALUES (:cloud_id, :trigger_name, :revision, :completed_at, :report_id, :digest)
"""

INSERT_ENTRY = """
INSERT INTO ledger (cloud_id, sequence, body, hash,
                    entry_at, entry_kind, entry_actor, entry_trigger)
VALUES (:cloud_id, :sequence, :body, :hash, :entry_at, :entry_kind, :entry_actor, :entry_trigger)
"""

PUT_TOKEN = """
INSERT INTO token (cloud_id, ciphertext, key_id, expires_at)
VALUES (:cloud_id, :ciphertext, :key_id, :expires_at)
ON CONFLICT (cloud_id) DO UPDATE SET ciphertext = excluded.ciphertext,
    key_id = excluded.key_id, expires_at = excluded.expires_at
"""
DELETE_TOKEN = "DELETE FROM token WHERE cloud_id = :cloud_id"
READ_TOKEN = "SELECT ciphertext, key_id, expires_at FROM token WHERE cloud_id = :cloud_id"

READ_CLOCK = "SELECT high_water_at FROM store_clock"
READ_STORE_ID = "SELECT store_id FROM store_clock"

READ_REPORT = """
SELECT report_id, cloud_id, trigger_name, revision, generated_at, digest, body, envelope,
       erased_at
FROM report WHERE report_id = :report_id
"""
LIST_REPORTS = """
SELECT report_id, cloud_id, trigger_name, revision, generated_at, digest, erased_at
FROM report
WHERE (CAST(:after AS TEXT) IS NULL OR report_id > :after)
  AND (CAST(:cloud_id AS TEXT) IS NULL OR cloud_id = :cloud_id)
ORDER BY report_id LIMIT :limit
"""
PUT_SIGNING_KEY = """
INSERT INTO signing_key (key_id, point, first_used_at) VALUES (:key_id, :point, :first_used_at)
ON CONFLICT (key_id) DO NOTHING
"""
LIST_SIGNING_KEYS = """
SELECT key_id, point, first_used_at FROM signing_key ORDER BY first_used_at, key_id
"""
LIST_ENTRIES = """
SELECT sequence, body, hash, erased_hash FROM ledger
WHERE cloud_id = :cloud_id AND sequence > :after ORDER BY sequence LIMIT :limit
"""


def named_by(sql: str) -> list[str]:
    """Return the names that a statement binds, in the order in which it names them first."""
    return list(dict.fromkeys(re.findall(r"(?<!:):([a-z_]+)", sql)))
