-- Erasing what a tenant told. The tombstone on the tenant's row comes first; under it each
-- report and each earlier ledger entry may lose its content once, and nothing else of it.
-- Markers, digests and the hashes of the chain stay.

ALTER TABLE tenant ADD COLUMN erased_at INTEGER;
ALTER TABLE tenant ADD COLUMN erased_sequence INTEGER;
ALTER TABLE report ADD COLUMN erased_at INTEGER;
-- The digest of the entry as it was written; set once its body is erased.
ALTER TABLE ledger ADD COLUMN erased_hash TEXT;

CREATE INDEX tenant_to_erase ON tenant (uninstalled_at, cloud_id)
    WHERE uninstalled_at IS NOT NULL AND (erased_at IS NULL OR erased_at < uninstalled_at);

CREATE TRIGGER tenant_erasure_is_told BEFORE UPDATE ON tenant
WHEN (NEW.erased_at IS NOT OLD.erased_at OR NEW.erased_sequence IS NOT OLD.erased_sequence)
 AND (NEW.erased_at IS NULL OR NEW.erased_sequence IS NULL
      OR NEW.erased_at < OLD.erased_at OR NEW.erased_sequence <= OLD.erased_sequence
      OR NEW.erased_sequence <> NEW.head_sequence OR NOT EXISTS (
          SELECT 1 FROM ledger l
          WHERE l.cloud_id = NEW.cloud_id AND l.sequence = NEW.erased_sequence
            AND l.entry_kind = 'ERASED'))
BEGIN SELECT RAISE(ABORT, 'an erasure is told by the last ledger entry'); END;

DROP TRIGGER report_is_written_once;
CREATE TRIGGER report_is_written_once BEFORE UPDATE ON report
WHEN OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL
  OR NEW.body <> x'' OR NEW.envelope <> CAST('erased' AS BLOB)
  OR NEW.report_id <> OLD.report_id OR NEW.cloud_id <> OLD.cloud_id
  OR NEW.trigger_name <> OLD.trigger_name OR NEW.revision <> OLD.revision
  OR NEW.generated_at <> OLD.generated_at OR NEW.digest <> OLD.digest
  OR NOT EXISTS (
      SELECT 1 FROM tenant t
      WHERE t.cloud_id = OLD.cloud_id AND t.erased_at = NEW.erased_at
        AND t.erased_at >= OLD.generated_at)
BEGIN SELECT RAISE(ABORT, 'a report is written once'); END;

DROP TRIGGER ledger_is_written_once;
CREATE TRIGGER ledger_is_written_once BEFORE UPDATE ON ledger
WHEN OLD.erased_hash IS NOT NULL OR NEW.erased_hash IS NULL
  OR NEW.body IS NOT CAST(json_object(
      'actor', OLD.entry_actor, 'at', OLD.entry_at,
      'detail', CASE WHEN OLD.entry_trigger IS NULL THEN json_object('erased', json('true'))
                ELSE json_object('erased', json('true'), 'trigger', OLD.entry_trigger) END,
      'kind', OLD.entry_kind) AS BLOB)
  OR NEW.cloud_id <> OLD.cloud_id OR NEW.sequence <> OLD.sequence OR NEW.hash <> OLD.hash
  OR NEW.entry_at IS NOT OLD.entry_at OR NEW.entry_kind IS NOT OLD.entry_kind
  OR NEW.entry_actor IS NOT OLD.entry_actor OR NEW.entry_trigger IS NOT OLD.entry_trigger
  OR NOT EXISTS (
      SELECT 1 FROM tenant t
      WHERE t.cloud_id = OLD.cloud_id AND t.erased_sequence > OLD.sequence)
BEGIN SELECT RAISE(ABORT, 'a ledger entry is written once'); END;

-- Of a finished milestone the words of its last error go, under the tombstone.
DROP TRIGGER milestone_end_is_final;
CREATE TRIGGER milestone_end_is_final BEFORE UPDATE ON milestone
WHEN OLD.state IN ('completed', 'missed', 'discarded', 'cancelled')
 AND (NEW.error_code IS NOT NULL OR NEW.error_message IS NOT NULL
      OR NEW.error_at IS NOT NULL OR NEW.error_attempt IS NOT NULL
      OR NEW.state <> OLD.state OR NEW.window_end_at IS NOT OLD.window_end_at
      OR NEW.next_due <> OLD.next_due OR NEW.attempts <> OLD.attempts
      OR NEW.starts <> OLD.starts OR NEW.fence <> OLD.fence
      OR NEW.deferral_kind IS NOT OLD.deferral_kind OR NEW.deferrals <> OLD.deferrals
      OR NEW.settled_fence IS NOT OLD.settled_fence OR NEW.settled_as IS NOT OLD.settled_as
      OR NOT EXISTS (
          SELECT 1 FROM tenant t
          WHERE t.cloud_id = OLD.cloud_id AND t.erased_sequence = t.head_sequence))
BEGIN SELECT RAISE(ABORT, 'a finished milestone never changes'); END;

DROP TRIGGER milestone_completes_with_marker;
CREATE TRIGGER milestone_completes_with_marker BEFORE UPDATE ON milestone
WHEN NEW.state = 'completed' AND OLD.state <> 'completed' AND (OLD.state <> 'claimed'
  OR NOT EXISTS (
    SELECT 1 FROM marker k
    WHERE k.cloud_id = NEW.cloud_id AND k.trigger_name = NEW.trigger_name
      AND k.revision = NEW.revision))
BEGIN SELECT RAISE(ABORT, 'completed needs its claim, report and marker'); END;
