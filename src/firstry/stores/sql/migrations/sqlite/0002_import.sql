-- What the predecessor completed. Such a milestone is inserted as completed, with the
-- instant of it in `imported_at`, and has neither report nor marker here. It is the only
-- exception from "completed needs its claim, report and marker", and nothing that was
-- armed here can become one.

ALTER TABLE milestone ADD COLUMN imported_at INTEGER
    CHECK (imported_at IS NULL OR state = 'completed');

DROP TRIGGER milestone_starts_scheduled;
CREATE TRIGGER milestone_starts_scheduled BEFORE INSERT ON milestone
WHEN NEW.fence <> 0
  OR (NEW.state <> 'scheduled' AND (NEW.imported_at IS NULL OR NEW.starts <> 0))
  OR (NEW.state = 'scheduled' AND NEW.starts <> 0 AND (
      NEW.revision <> 1 OR NEW.starts <> NEW.attempts OR NOT EXISTS (
          SELECT 1 FROM tenant t WHERE t.cloud_id = NEW.cloud_id AND t.source = 'MIGRATED')))
BEGIN SELECT RAISE(ABORT, 'a milestone starts scheduled'); END;

CREATE TRIGGER milestone_import_ends_nothing BEFORE UPDATE ON milestone
WHEN NEW.imported_at IS NOT OLD.imported_at
BEGIN SELECT RAISE(ABORT, 'an import ends no milestone that is open here'); END;

CREATE TRIGGER report_is_not_of_an_import BEFORE INSERT ON report
WHEN EXISTS (
    SELECT 1 FROM milestone m
    WHERE m.cloud_id = NEW.cloud_id AND m.trigger_name = NEW.trigger_name
      AND m.revision = NEW.revision AND m.imported_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'what was imported as done has no report here'); END;

DROP TRIGGER tenant_evidence_is_first;
CREATE TRIGGER tenant_evidence_is_first BEFORE UPDATE ON tenant
WHEN (NEW.installed_at <> OLD.installed_at OR NEW.source <> OLD.source)
 AND (OLD.source <> 'UNKNOWN' OR NEW.source = 'UNKNOWN')
BEGIN SELECT RAISE(ABORT, 'the first installation evidence stays'); END;
