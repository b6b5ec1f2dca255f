-- What the predecessor completed. Such a milestone is inserted as completed, with the
-- instant of it in `imported_at`, and has neither report nor marker here. It is the only
-- exception from "completed needs its claim, report and marker", and nothing that was
-- armed here can become one.

ALTER TABLE milestone ADD COLUMN imported_at BIGINT
    CHECK (imported_at IS NULL OR state = 'completed');

CREATE OR REPLACE FUNCTION firstry_milestone_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.fence = 0 AND CASE
            WHEN NEW.state <> 'scheduled' THEN NEW.imported_at IS NOT NULL AND NEW.starts = 0
            WHEN NEW.starts = 0 THEN true
            ELSE NEW.revision = 1 AND NEW.starts = NEW.attempts AND EXISTS (
                SELECT 1 FROM tenant t
                WHERE t.cloud_id = NEW.cloud_id AND t.source = 'MIGRATED')
        END) IS NOT TRUE THEN
        RAISE EXCEPTION 'a milestone starts scheduled'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION firstry_milestone_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.cloud_id = OLD.cloud_id AND NEW.trigger_name = OLD.trigger_name
        AND NEW.revision = OLD.revision) IS NOT TRUE THEN
        RAISE EXCEPTION 'a milestone keeps its name'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (OLD.state IN ('scheduled', 'claimed')) IS NOT TRUE THEN
        RAISE EXCEPTION 'a finished milestone never changes'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.installed_at = OLD.installed_at AND NEW.due_at = OLD.due_at) IS NOT TRUE THEN
        RAISE EXCEPTION 'a due time never moves'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.fence >= OLD.fence AND NEW.starts >= OLD.starts) IS NOT TRUE THEN
        RAISE EXCEPTION 'fence and starts never fall'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.state <> 'claimed'
        OR (NEW.fence > OLD.fence AND NEW.starts > OLD.starts)) IS NOT TRUE THEN
        RAISE EXCEPTION 'every claim raises the fence and counts a start'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.settled_fence IS NOT DISTINCT FROM OLD.settled_fence
        OR (NEW.settled_fence = OLD.fence AND OLD.state = 'claimed')) IS NOT TRUE THEN
        RAISE EXCEPTION 'only the claim in force is settled'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'completed' AND (OLD.state <> 'claimed' OR NOT EXISTS (
        SELECT 1 FROM marker k
        WHERE k.cloud_id = NEW.cloud_id AND k.trigger_name = NEW.trigger_name
          AND k.revision = NEW.revision)) THEN
        RAISE EXCEPTION 'completed needs its claim, report and marker'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.imported_at IS DISTINCT FROM OLD.imported_at THEN
        RAISE EXCEPTION 'an import ends no milestone that is open here'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION firstry_tenant_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.cloud_id <> OLD.cloud_id THEN
        RAISE EXCEPTION 'a tenant keeps its name' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.installed_at <> OLD.installed_at OR NEW.source <> OLD.source)
       AND (OLD.source <> 'UNKNOWN' OR NEW.source = 'UNKNOWN') THEN
        RAISE EXCEPTION 'the first installation evidence stays'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.head_sequence < OLD.head_sequence
       OR (NEW.head_sequence = OLD.head_sequence AND NEW.head_hash <> OLD.head_hash) THEN
        RAISE EXCEPTION 'a ledger head never falls'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
