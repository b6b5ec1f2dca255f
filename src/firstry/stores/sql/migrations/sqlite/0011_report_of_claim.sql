-- A report is of a claimed milestone, as PostgreSQL asks since its first step: so no marker of
-- one that is only scheduled can be written either. What was imported as done is completed and
-- never claimed, so the rule of its own for that says nothing more.

DROP TRIGGER report_is_not_of_an_import;
CREATE TRIGGER report_needs_its_claim BEFORE INSERT ON report
WHEN NOT EXISTS (
    SELECT 1 FROM milestone m
    WHERE m.cloud_id = NEW.cloud_id AND m.trigger_name = NEW.trigger_name
      AND m.revision = NEW.revision AND m.state = 'claimed')
BEGIN SELECT RAISE(ABORT, 'a report is of a claimed milestone'); END;
