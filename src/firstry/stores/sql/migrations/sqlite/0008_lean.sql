-- A rule about columns that an UPDATE does not name is not asked: it could only be met.
-- The rules are what they were; every claim and settle asked four of them for nothing.

DROP TRIGGER milestone_evidence_stays;
CREATE TRIGGER milestone_evidence_stays BEFORE UPDATE OF installed_at, due_at ON milestone
WHEN NEW.installed_at <> OLD.installed_at OR NEW.due_at <> OLD.due_at
BEGIN SELECT RAISE(ABORT, 'a due time never moves'); END;

DROP TRIGGER milestone_import_ends_nothing;
CREATE TRIGGER milestone_import_ends_nothing BEFORE UPDATE OF imported_at ON milestone
WHEN NEW.imported_at IS NOT OLD.imported_at
BEGIN SELECT RAISE(ABORT, 'an import ends no milestone that is open here'); END;

DROP TRIGGER tenant_evidence_is_first;
CREATE TRIGGER tenant_evidence_is_first BEFORE UPDATE OF installed_at, source ON tenant
WHEN (NEW.installed_at <> OLD.installed_at OR NEW.source <> OLD.source)
 AND (OLD.source <> 'UNKNOWN' OR NEW.source = 'UNKNOWN')
BEGIN SELECT RAISE(ABORT, 'the first installation evidence stays'); END;

DROP TRIGGER tenant_erasure_is_told;
CREATE TRIGGER tenant_erasure_is_told BEFORE UPDATE OF erased_at, erased_sequence ON tenant
WHEN (NEW.erased_at IS NOT OLD.erased_at OR NEW.erased_sequence IS NOT OLD.erased_sequence)
 AND (NEW.erased_at IS NULL OR NEW.erased_sequence IS NULL
      OR NEW.erased_at < OLD.erased_at OR NEW.erased_sequence <= OLD.erased_sequence
      OR NEW.erased_sequence <> NEW.head_sequence OR NOT EXISTS (
          SELECT 1 FROM ledger l
          WHERE l.cloud_id = NEW.cloud_id AND l.sequence = NEW.erased_sequence
            AND l.entry_kind = 'ERASED'))
BEGIN SELECT RAISE(ABORT, 'an erasure is told by the last ledger entry'); END;
